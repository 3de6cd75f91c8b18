"""One file per command of `hydatis`: options, a call, and how the result is shown."""
