/* bcryptprimitives.dll, which wine 8 does not have: Go and Rust take their random numbers from it. */
#include <windows.h>
#include <bcrypt.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length < 0x1000000 ? (ULONG)length : 0x1000000;
        if (BCryptGenRandom(NULL, data, part, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
            return FALSE;
        data += part;
        length -= part;
    }
    return TRUE;
}
