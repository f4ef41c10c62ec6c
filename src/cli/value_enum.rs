//! Enums of the library on the command line.

/// Declares the names on the command line of the variants of a library's enum.
macro_rules! value_enum {
    ($arg:ident for $target:ident { $($(#[$doc:meta])* $variant:ident),* }) => {
        #[derive(Debug, Clone, Copy, clap::ValueEnum, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum $arg {
            $($(#[$doc])* $variant),*
        }

        impl From<$arg> for $target {
            fn from(arg: $arg) -> Self {
                match arg {
                    $($arg::$variant => Self::$variant),*
                }
            }
        }

        impl From<$target> for $arg {
            fn from(target: $target) -> Self {
                match target {
                    $($target::$variant => Self::$variant),*
                }
            }
        }

        impl Default for $arg {
            fn default() -> Self {
                $target::default().into()
            }
        }
    };
}

pub(crate) use value_enum;
