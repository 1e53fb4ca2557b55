"""Security descriptors, in their text form (SDDL)."""

from __future__ import annotations

import ctypes
import msvcrt
import sys
from ctypes import wintypes
from functools import cache
from pathlib import Path

from whatsapp_mcp.platform.windows import opening

assert sys.platform == "win32"

_SE_FILE_OBJECT = 1
_OWNER = 1
_DACL = 4
_REVISION = 1
_TOKEN_QUERY = 8
_TOKEN_USER = 1
_PROTECTED = 0x8000_0000
"""PROTECTED_DACL_SECURITY_INFORMATION: nothing is inherited from the folder."""

_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_LocalFree = _kernel32.LocalFree
_LocalFree.argtypes, _LocalFree.restype = (ctypes.c_void_p,), ctypes.c_void_p
_CloseHandle = _kernel32.CloseHandle
_CloseHandle.argtypes, _CloseHandle.restype = (wintypes.HANDLE,), wintypes.BOOL
_GetCurrentProcess = _kernel32.GetCurrentProcess
_GetCurrentProcess.argtypes, _GetCurrentProcess.restype = (), wintypes.HANDLE
_OUT = ctypes.POINTER(ctypes.c_void_p)
_GetNamedSecurityInfo = _advapi32.GetNamedSecurityInfoW
_GetNamedSecurityInfo.argtypes = (wintypes.LPCWSTR, ctypes.c_int, wintypes.DWORD, _OUT, _OUT, _OUT, _OUT, _OUT)
_GetNamedSecurityInfo.restype = wintypes.DWORD
_GetSecurityInfo = _advapi32.GetSecurityInfo
_GetSecurityInfo.argtypes = (wintypes.HANDLE, ctypes.c_int, wintypes.DWORD, _OUT, _OUT, _OUT, _OUT, _OUT)
_GetSecurityInfo.restype = wintypes.DWORD
_ToText = _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW
_ToText.argtypes = (ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, _OUT, ctypes.POINTER(wintypes.ULONG))
_ToText.restype = wintypes.BOOL
_FromText = _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW
_FromText.argtypes = (wintypes.LPCWSTR, wintypes.DWORD, _OUT, ctypes.POINTER(wintypes.ULONG))
_FromText.restype = wintypes.BOOL
_SidToText = _advapi32.ConvertSidToStringSidW
_SidToText.argtypes, _SidToText.restype = (ctypes.c_void_p, _OUT), wintypes.BOOL
_OpenProcessToken = _advapi32.OpenProcessToken
_OpenProcessToken.argtypes = (wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE))
_OpenProcessToken.restype = wintypes.BOOL
_GetTokenInformation = _advapi32.GetTokenInformation
_GetTokenInformation.argtypes = (
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.POINTER(wintypes.DWORD),
)
_GetTokenInformation.restype = wintypes.BOOL


_CreateDirectory = _kernel32.CreateDirectoryW
_CreateDirectory.argtypes = (wintypes.LPCWSTR, ctypes.POINTER(opening.SecurityAttributes))
_CreateDirectory.restype = wintypes.BOOL

_SetFileSecurity = _advapi32.SetFileSecurityW
_SetFileSecurity.argtypes = (wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p)
_SetFileSecurity.restype = wintypes.BOOL


def descriptor_of(file: int | Path) -> str:
    """Owner and access list of an open file, or a file or folder.

    Raises:
        OSError: they cannot be looked at.
    """
    found = ctypes.c_void_p()
    wanted = _OWNER | _DACL
    if isinstance(file, int):
        handle = msvcrt.get_osfhandle(file)
        code = _GetSecurityInfo(handle, _SE_FILE_OBJECT, wanted, None, None, None, None, ctypes.byref(found))
    else:
        code = _GetNamedSecurityInfo(str(file), _SE_FILE_OBJECT, wanted, None, None, None, None, ctypes.byref(found))
    if code:
        raise ctypes.WinError(code)
    try:
        return _text(found, wanted)
    finally:
        _LocalFree(found)


def _text(descriptor: ctypes.c_void_p, wanted: int) -> str:
    text = ctypes.c_void_p()
    if not _ToText(descriptor, _REVISION, wanted, ctypes.byref(text), None):
        raise ctypes.WinError(ctypes.get_last_error())
    return _taken(text)


def _taken(text: ctypes.c_void_p) -> str:
    try:
        return ctypes.wstring_at(text.value or 0)
    finally:
        _LocalFree(text)


@cache
def user() -> str:
    """Who runs this process, as a descriptor writes it: by an alias, where there is one."""
    token = wintypes.HANDLE()
    if not _OpenProcessToken(_GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        buffer = (ctypes.c_void_p * 64)()  # TOKEN_USER: a pointer to the SID, which lies behind it
        size = wintypes.DWORD()
        if not _GetTokenInformation(token, _TOKEN_USER, buffer, ctypes.sizeof(buffer), ctypes.byref(size)):
            raise ctypes.WinError(ctypes.get_last_error())
        sid = ctypes.c_void_p()
        if not _SidToText(buffer[0], ctypes.byref(sid)):
            raise ctypes.WinError(ctypes.get_last_error())
        whom = _taken(sid)
    finally:
        _CloseHandle(token)
    descriptor = _descriptor(f"O:{whom}")
    try:
        return _text(descriptor, _OWNER).removeprefix("O:")
    finally:
        _LocalFree(descriptor)


def _descriptor(sddl: str) -> ctypes.c_void_p:
    """A descriptor, to be freed."""
    made = ctypes.c_void_p()
    if not _FromText(sddl, _REVISION, ctypes.byref(made), None):
        raise ctypes.WinError(ctypes.get_last_error())
    return made


def create_file(path: Path, sddl: str, access: int, disposition: int, share: int = opening.SHARE_READ_WRITE) -> int:
    """A handle of a file, as :func:`opening.open_handle`; one that is made has this access list from its first moment
    on.
    """
    descriptor = _descriptor(sddl)
    try:
        attributes = opening.SecurityAttributes(ctypes.sizeof(opening.SecurityAttributes), descriptor, False)
        return opening.open_handle(path, access, share=share, disposition=disposition, attributes=attributes)
    finally:
        _LocalFree(descriptor)


def protect(path: Path, sddl: str) -> None:
    """Give what is there this access list and no other.

    Raises:
        OSError: the user may not.
    """
    descriptor = _descriptor(sddl)
    try:
        if not _SetFileSecurity(str(path), _DACL | _PROTECTED, descriptor):
            raise ctypes.WinError(ctypes.get_last_error())
    finally:
        _LocalFree(descriptor)


def make_folder(folder: Path, sddl: str) -> None:
    """Make a folder with this access list.

    Raises:
        FileExistsError: something has this name.
        OSError: it cannot be made.
    """
    descriptor = _descriptor(sddl)
    try:
        attributes = opening.SecurityAttributes(ctypes.sizeof(opening.SecurityAttributes), descriptor, False)
        if not _CreateDirectory(str(folder), ctypes.byref(attributes)):
            raise ctypes.WinError(ctypes.get_last_error())
    finally:
        _LocalFree(descriptor)
