//! What the help of several commands says.

/// The exit codes of commands that train.
macro_rules! run_exit_codes {
    () => {
        "Exit codes: 0 done, 1 failed, 2 the call was wrong, 124 --max-time is over, 129, 130 and 143 stopped by SIGHUP, \
         SIGINT and SIGTERM."
    };
}

/// The exit codes of other commands.
macro_rules! exit_codes {
    () => {
        "Exit codes: 0 done, 1 failed, 2 the call was wrong."
    };
}

macro_rules! cv_examples {
    () => {
        "Examples:\n  taper --data houses.csv --target price --out runs/houses\n  \
         taper cv --data patients.csv --target y --group patient --missing mean --folds 10\n  \
         taper cv --resume runs/houses --epochs 100\n  zcat big.csv.gz | taper cv --data - --target y"
    };
}
