// Checks that are counted, and words with the test that started the program.
//
// A program prints a line for each check, `ok NAME` or `FAILED NAME: got X wanted Y`, a line
// `fact NAME VALUE` for what the test must know, and as its last line `done N`, N being the number of
// checks. It exits with 1 if one failed.
#ifndef OPENVSS_CHECK_H
#define OPENVSS_CHECK_H

#include <windows.h>
#include <ole2.h>
#include <vss.h>
#include <vswriter.h>
#include <vsbackup.h>
#include <vsserror.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace check {

// Not std::mutex, which the compiler has in one of its two models of threads only.
inline SRWLOCK lock = SRWLOCK_INIT;
inline unsigned count;
inline unsigned failures;

inline void say(const char *format, ...) {
    va_list words;
    va_start(words, format);
    vprintf(format, words);
    va_end(words);
    putchar('\n');
    fflush(stdout);
}

inline bool outcome(bool good, const std::string &name, unsigned long long got,
                    unsigned long long wanted) {
    AcquireSRWLockExclusive(&lock);
    count++;
    if (good) {
        say("ok %s", name.c_str());
    } else {
        failures++;
        say("FAILED %s: got 0x%llx wanted 0x%llx", name.c_str(), got, wanted);
    }
    ReleaseSRWLockExclusive(&lock);
    return good;
}

// A result code is this one.
inline bool hr(const std::string &name, HRESULT got, HRESULT wanted) {
    return outcome(got == wanted, name, (ULONG)got, (ULONG)wanted);
}

// A number is this one.
inline bool number(const std::string &name, unsigned long long got, unsigned long long wanted) {
    return outcome(got == wanted, name, got, wanted);
}

// Something is so.
inline bool is(const std::string &name, bool got) { return outcome(got, name, got, true); }

// An id is this one.
inline bool id(const std::string &name, const GUID &got, const GUID &wanted) {
    return outcome(IsEqualGUID(got, wanted), name, got.Data1, wanted.Data1);
}

// The end of a program: its exit status.
inline int done() {
    say("done %u", count);
    return failures ? 1 : 0;
}

// Gives up: without this, nothing that follows makes sense.
[[noreturn]] inline void give_up(const char *why, HRESULT code) {
    say("FAILED %s: got 0x%lx wanted 0x0", why, (ULONG)code);
    fflush(stdout);
    // Not exit(): other threads may be anywhere.
    TerminateProcess(GetCurrentProcess(), 2);
    abort();
}

inline void must(const char *what, HRESULT code) {
    if (FAILED(code)) give_up(what, code);
}

// Tells the test where the program is, and waits for a line of it: the other side is looked at, or
// changed.
inline std::string at(const char *place) {
    say("at %s", place);
    char line[512];
    if (!fgets(line, sizeof line, stdin)) give_up("line of the test", E_ABORT);
    line[strcspn(line, "\r\n")] = 0;
    return line;
}

}  // namespace check

#endif
