//! Every byte of ours reaches the disk through the traits of this module.
