//! Loading kernel modules.
use core::ffi::CStr;
use crate::sys::error::{Error, Result};
pub fn load(_name: &CStr) -> Result<()> { Err(Error::new("finit_module", libc::ENOSYS)) }
