//! Settings that cannot do what they are for beside the others.

use crate::common::{stderr, taper};

#[test]
fn weights_of_depths_are_checked() {
    for (args, problem) in [
        ("--depths all --depth-weights 1,2,3", "is 1, 2, 3, expected as many numbers as depths, 4"),
        ("--depths all --depth-weights 1,0,1,1", "is 1, 0, 1, 1, expected numbers above 0 and at most 1e9"),
        ("--depth-weights 1,1,2,4", "is 1, 1, 2, 4, which has a meaning only beside `--depths all`"),
    ] {
        let output = taper(&args.split(' ').collect::<Vec<_>>());
        assert_eq!(stderr(&output), format!("error: --depth-weights {problem}\n"));
        assert_eq!(output.status.code(), Some(2));
    }
}
