"""Runs in the rig's Windows Python: ``python trust.py add|remove CERTIFICATE.pem``.

Go asks Windows which authorities to trust. Here that is the certificate store of the rig's own wine, so that the
simulator's authority can be added for a test; nothing is changed on the Linux machine. On a real Windows the same call
asks the user.
"""

from __future__ import annotations

import ctypes
import ssl
import sys
from ctypes import wintypes
from pathlib import Path
from typing import Final

assert sys.platform == "win32"

_SYSTEM_STORE: Final = 10
_LOCAL_MACHINE: Final = 0x00020000
_X509_ASN_ENCODING: Final = 1
_ADD_REPLACE_EXISTING: Final = 3

_crypt32 = ctypes.WinDLL("crypt32", use_last_error=True)
_crypt32.CertOpenStore.argtypes = [
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.LPCWSTR,
]
_crypt32.CertOpenStore.restype = ctypes.c_void_p
_crypt32.CertAddEncodedCertificateToStore.argtypes = [
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_char_p,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.POINTER(ctypes.c_void_p),
]
_crypt32.CertDeleteCertificateFromStore.argtypes = [ctypes.c_void_p]
_crypt32.CertFreeCertificateContext.argtypes = [ctypes.c_void_p]
_crypt32.CertCloseStore.argtypes = [ctypes.c_void_p, wintypes.DWORD]


def main(action: str, path: Path) -> None:
    certificate = ssl.PEM_cert_to_DER_cert(path.read_text("ascii"))
    store = _crypt32.CertOpenStore(_SYSTEM_STORE, 0, None, _LOCAL_MACHINE, "Root")
    stored = ctypes.c_void_p()
    added = _crypt32.CertAddEncodedCertificateToStore(
        store, _X509_ASN_ENCODING, certificate, len(certificate), _ADD_REPLACE_EXISTING, ctypes.byref(stored)
    )
    assert added, ctypes.WinError(ctypes.get_last_error())
    if action == "remove":
        assert _crypt32.CertDeleteCertificateFromStore(stored), ctypes.WinError(ctypes.get_last_error())
    else:
        _crypt32.CertFreeCertificateContext(stored)  # as long as it is held, the store is not written
    _crypt32.CertCloseStore(store, 0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
