/*
 * Sees every change that a process makes to the files below one folder: records it, lets it fail, or
 * kills the process right before or after it.
 *
 * A seccomp filter turns each system call that may change a file into SIGSYS; the handler does the
 * call itself, from the one address that the filter lets pass. So nothing escapes: neither calls of
 * libc nor raw ones (rustix makes those), nor the bundled SQLite's. What cannot be modelled (writable
 * shared maps, io_uring, splice, ...) is recorded as UNKNOWN, which fails the test that sees it.
 *
 * All calls go through one lock, held over the call: the record is a total order.
 *
 *   VSS_LAB_ROOT   the folder; absolute, without links
 *   VSS_LAB_LOG    where the record goes; none without it
 *   VSS_LAB_KILL   "N:before" or "N:after": SIGKILL around the N-th call
 *   VSS_LAB_FAIL   "N:ERRNO:MODE:CLASS": the N-th call of the class fails; MODE is once, from (and all
 *                  that follow) or short (a write of several sectors comes to some of them, and the
 *                  call after it fails; other calls fail once);
 *                  CLASS is i (images), c (catalogues) or a (all)
 *
 * Record, little-endian, one after the other: struct entry, name, name2, path, data.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

extern long vss_raw(long nr, long a, long b, long c, long d, long e, long f);
extern char vss_raw_end[];

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
__asm__(".text\n.globl vss_raw\n.hidden vss_raw\n.type vss_raw,@function\nvss_raw:\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\nmov %r8,%r10\nmov %r9,%r8\n"
        "mov 8(%rsp),%r9\nsyscall\n.globl vss_raw_end\n.hidden vss_raw_end\nvss_raw_end:\nret\n");
#define ARG(c, n) ((c)->uc_mcontext.gregs[(const int[]){REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9}[n]])
#define RESULT(c) ((c)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
__asm__(".text\n.globl vss_raw\n.hidden vss_raw\n.type vss_raw,%function\nvss_raw:\n"
        "mov x8,x0\nmov x0,x1\nmov x1,x2\nmov x2,x3\nmov x3,x4\nmov x4,x5\nmov x5,x6\n"
        "svc #0\n.globl vss_raw_end\n.hidden vss_raw_end\nvss_raw_end:\nret\n");
#define ARG(c, n) ((c)->uc_mcontext.regs[n])
#define RESULT(c) ((c)->uc_mcontext.regs[0])
#else
#error "the crash laboratory knows x86-64 and aarch64"
#endif

enum op {
    CREATE = 1, TRUNCATE, WRITE, SYNC, SYNC_ALL, RENAME, LINK, SYMLINK, UNLINK, MAKE_DIR, REMOVE_DIR,
    CHMOD, MARKER, ALLOCATE, UNKNOWN
};

struct entry {
    uint32_t op, seq;
    uint64_t ino, dir, dir2, offset, extra;
    uint32_t name_len, name2_len, path_len, data_len;
};

#define PATHS 4096

/* A name in a folder below the root. */
struct place {
    int inside;
    uint64_t dir;
    char name[256];
    char path[PATHS];
};

static char root[PATHS];
static size_t root_len;
static int log_fd = -1;
static uint32_t seq, matched;
static long kill_at, fail_at;
static int kill_after, fail_errno;
static char fail_mode, fail_class;
static int shortened;
static volatile int lock;

static long sys(long nr, long a, long b, long c, long d) { return vss_raw(nr, a, b, c, d, 0, 0); }

/* The path of a descriptor relative to the root; 0 when it is not below it. */
static int path_of(int fd, char *out) {
    char proc[32] = "/proc/self/fd/", digits[12];
    static char full[PATHS];
    int n = 0, at = 14;
    unsigned value = (unsigned)fd;
    do digits[n++] = (char)('0' + value % 10); while (value /= 10);
    while (n) proc[at++] = digits[--n];
    proc[at] = 0;
    long len = sys(__NR_readlinkat, AT_FDCWD, (long)proc, (long)full, PATHS - 1);
    if (len < (long)root_len) return 0;
    full[len] = 0;
    if (memcmp(full, root, root_len) || (full[root_len] && full[root_len] != '/')) return 0;
    strcpy(out, full[root_len] ? full + root_len + 1 : ".");
    return 1;
}

static uint64_t inode(int fd) {
    struct stat st;
    return sys(__NR_fstat, fd, (long)&st, 0, 0) ? 0 : st.st_ino;
}

/* Takes a path apart into its folder, opened, and its last name. */
static void find(int dirfd, const char *path, struct place *place) {
    char parent[PATHS];
    size_t len = strlen(path);
    memset(place, 0, offsetof(struct place, path));
    place->path[0] = 0;
    while (len > 1 && path[len - 1] == '/') len--;
    size_t cut = len;
    while (cut && path[cut - 1] != '/') cut--;
    if (cut >= PATHS || len - cut >= sizeof place->name) return;
    memcpy(parent, path, cut);
    parent[cut] = 0;
    int fd = (int)sys(__NR_openat, dirfd, (long)(cut ? parent : "."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return;
    place->inside = path_of(fd, place->path);
    place->dir = inode(fd);
    sys(__NR_close, fd, 0, 0, 0);
    memcpy(place->name, path + cut, len - cut);
    if (strlen(place->path) + len - cut + 2 < PATHS) {
        strcat(place->path, "/");
        strcat(place->path, place->name);
    }
}

/* The inode behind a name, links followed or not; 0 when there is none. */
static uint64_t inode_at(int dirfd, const char *path, int flags) {
    struct stat st;
    return sys(__NR_newfstatat, dirfd, (long)path, (long)&st, flags) ? 0 : st.st_ino;
}

static void put(struct entry *entry, const char *name, const char *name2, const char *path,
                const void *data, size_t data_len) {
    if (log_fd < 0) return;
    entry->seq = seq;
    entry->name_len = (uint32_t)strlen(name);
    entry->name2_len = (uint32_t)strlen(name2);
    entry->path_len = (uint32_t)strlen(path);
    entry->data_len = (uint32_t)data_len;
    struct iovec parts[5] = {{entry, sizeof *entry},
                             {(void *)name, entry->name_len},
                             {(void *)name2, entry->name2_len},
                             {(void *)path, entry->path_len},
                             {(void *)data, data_len}};
    size_t whole = sizeof *entry + entry->name_len + entry->name2_len + entry->path_len + data_len;
    if (sys(__NR_writev, log_fd, (long)parts, 5, 0) != (long)whole) abort();
}

static void put_file(enum op op, uint64_t ino, const char *path, uint64_t offset, uint64_t extra) {
    struct entry entry = {.op = op, .ino = ino, .offset = offset, .extra = extra};
    put(&entry, "", "", path, NULL, 0);
}

/* Records what a range of a file holds now, but not its zero blocks. */
static void put_range(int fd, uint64_t ino, const char *path, uint64_t offset, uint64_t len) {
    static char block[1 << 16];
    while (len) {
        size_t want = len < sizeof block ? len : sizeof block;
        long got = vss_raw(__NR_pread64, fd, (long)block, (long)want, (long)offset, 0, 0);
        if (got <= 0) abort();
        for (long at = 0; at < got; at += 4096) {
            size_t part = (size_t)(got - at) < 4096 ? (size_t)(got - at) : 4096;
            int zero = 1;
            for (size_t i = 0; i < part && zero; i++) zero = !block[at + (long)i];
            /* The last block is written even so: it may be what gives the file its length. */
            if (zero && (size_t)at + part + offset < offset + len) continue;
            struct entry entry = {.op = WRITE, .ino = ino, .offset = offset + (uint64_t)at};
            put(&entry, "", "", path, block + at, part);
        }
        offset += (uint64_t)got;
        len -= (uint64_t)got;
    }
}

static int ends_with(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

static char class_of(const char *path) {
    if (strstr(path, ".db")) return 'c';
    if (ends_with(path, ".img") || strstr(path, ".partial-")) return 'i';
    return '-';
}

/* Counts the call, kills before it, or says that it is to fail. */
static long gate(const char *path, const char *path2) {
    seq++;
    if (kill_at == seq && !kill_after)
        for (;;) sys(__NR_kill, sys(__NR_getpid, 0, 0, 0, 0), SIGKILL, 0, 0);
    if (!fail_at) return 0;
    if (fail_class != 'a' && class_of(path) != fail_class && class_of(path2) != fail_class) return 0;
    matched++;
    if (matched == fail_at) return 1;
    if (fail_mode == 'f' && matched > fail_at) return 1;
    if (shortened && matched == fail_at + 1) return 1;
    return 0;
}

static void after(void) {
    if (kill_at == seq && kill_after)
        for (;;) sys(__NR_kill, sys(__NR_getpid, 0, 0, 0, 0), SIGKILL, 0, 0);
}

#define RAW() vss_raw(nr, a[0], a[1], a[2], a[3], a[4], a[5])

static uint64_t position(int fd) { return (uint64_t)sys(__NR_lseek, fd, 0, SEEK_CUR, 0); }

static long on_write(long nr, long *a) {
    char path[PATHS];
    int fd = (int)a[0];
    struct iovec one = {(void *)a[1], (size_t)a[2]}, *parts = &one;
    int count = 1;
    if (fd == STDOUT_FILENO) {
        gate("", "");
        long done = RAW();
        if (done > 0) {
            struct entry entry = {.op = MARKER};
            put(&entry, "", "", "", one.iov_base, nr == __NR_write ? (size_t)done : 0);
        }
        after();
        return done;
    }
    if (!path_of(fd, path)) return RAW();
    if (nr == __NR_writev || nr == __NR_pwritev || nr == __NR_pwritev2) {
        parts = (struct iovec *)a[1];
        count = (int)a[2];
    }
    long done;
    if (gate(path, "")) {
        if (fail_mode != 's' || matched != fail_at || nr != __NR_pwrite64 || a[2] < 1024) return -fail_errno;
        /* Between sectors: the kernel stops at blocks, never within a sector that stood there before. */
        a[2] = a[2] / 1024 * 512;
        shortened = 1;
    }
    done = RAW();
    if (done > 0) {
        int placed = nr == __NR_pwrite64 || nr == __NR_pwritev || (nr == __NR_pwritev2 && a[3] != -1);
        uint64_t offset = placed ? (uint64_t)a[3] : position(fd) - (uint64_t)done;
        long left = done;
        for (int i = 0; i < count && left; i++) {
            size_t part = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
            struct entry entry = {.op = WRITE, .ino = inode(fd), .offset = offset};
            put(&entry, "", "", path, parts[i].iov_base, part);
            offset += part;
            left -= (long)part;
        }
    }
    after();
    return done;
}

static long on_open(long nr, long *a, int dirfd, const char *name, int flags, long mode) {
    struct place place;
    struct stat st;
    char path[PATHS];
    find(dirfd, name, &place);
    uint64_t before = inode_at(dirfd, name, 0);
    /* Files beyond a link are found by where the link leads. */
    if (before && !place.inside) {
        int fd = (int)sys(__NR_openat, dirfd, (long)name, O_PATH | O_CLOEXEC, 0);
        if (fd >= 0) {
            place.inside = path_of(fd, place.path);
            sys(__NR_close, fd, 0, 0, 0);
        }
    }
    if (!place.inside || (before && !(flags & O_TRUNC))) return RAW();
    if (gate(place.path, "")) return -fail_errno;
    long fd = RAW();
    if (fd >= 0) {
        if (!path_of((int)fd, path)) strcpy(path, place.path);
        if (before) {
            put_file(TRUNCATE, inode((int)fd), path, 0, 0);
        } else if (flags & (O_TMPFILE & ~O_DIRECTORY)) {
            put_file(UNKNOWN, 0, path, 0, (uint64_t)nr);
        } else {
            sys(__NR_fstat, fd, (long)&st, 0, 0);
            struct entry entry = {.op = CREATE, .ino = st.st_ino, .dir = place.dir, .extra = st.st_mode & 07777};
            put(&entry, place.name, "", path, NULL, 0);
        }
    }
    (void)mode;
    after();
    return fd;
}

/* Calls on one descriptor: truncation, allocation, syncs, mode. */
static long on_file(long nr, long *a) {
    char path[PATHS];
    int fd = (int)a[0];
    if (!path_of(fd, path)) return RAW();
    if (gate(path, "")) return -fail_errno;
    long result = RAW();
    uint64_t ino = inode(fd);
    if (result == 0) switch (nr) {
        case __NR_ftruncate: put_file(TRUNCATE, ino, path, (uint64_t)a[1], 0); break;
        case __NR_fallocate:
            if (a[1] & ~FALLOC_FL_KEEP_SIZE) put_file(UNKNOWN, ino, path, 0, (uint64_t)nr);
            else put_file(ALLOCATE, ino, path, (uint64_t)(a[2] + a[3]), (uint64_t)a[1]);
            break;
        case __NR_fsync: put_file(SYNC, ino, path, 0, 1); break;
        case __NR_fdatasync: put_file(SYNC, ino, path, 0, 0); break;
        case __NR_syncfs: put_file(SYNC_ALL, ino, path, 0, 0); break;
        case __NR_fchmod: put_file(CHMOD, ino, path, 0, (uint64_t)a[1] & 07777); break;
        /* sync_file_range promises nothing. */
    }
    after();
    return result;
}

static long on_chmod(long nr, long *a, int dirfd, const char *name, long mode) {
    char path[PATHS];
    int fd = (int)sys(__NR_openat, dirfd, (long)name, O_PATH | O_CLOEXEC, 0);
    int inside = fd >= 0 && path_of(fd, path);
    uint64_t ino = fd >= 0 ? inode(fd) : 0;
    if (fd >= 0) sys(__NR_close, fd, 0, 0, 0);
    if (!inside) return RAW();
    if (gate(path, "")) return -fail_errno;
    long result = RAW();
    if (result == 0) put_file(CHMOD, ino, path, 0, (uint64_t)mode & 07777);
    after();
    return result;
}

/* Calls that make or remove one name. */
static long on_name(long nr, long *a, enum op op, int dirfd, const char *name, const char *target) {
    struct place place;
    struct stat st;
    find(dirfd, name, &place);
    if (!place.inside) return RAW();
    if (gate(place.path, "")) return -fail_errno;
    long result = RAW();
    if (result == 0) {
        memset(&st, 0, sizeof st);
        sys(__NR_newfstatat, dirfd, (long)name, (long)&st, AT_SYMLINK_NOFOLLOW);
        struct entry entry = {.op = op, .ino = st.st_ino, .dir = place.dir, .extra = st.st_mode & 07777};
        put(&entry, place.name, "", place.path, target, target ? strlen(target) : 0);
    }
    after();
    return result;
}

/* Calls with two names; both inside, or not modelled. */
static long on_names(long nr, long *a, enum op op, int dir, const char *name, int dir2, const char *name2, long flags) {
    static struct place from, to;
    find(dir, name, &from);
    find(dir2, name2, &to);
    if (!from.inside && !to.inside) return RAW();
    uint64_t ino = inode_at(dir, name, AT_SYMLINK_NOFOLLOW);
    if (gate(from.path, to.path)) return -fail_errno;
    long result = RAW();
    if (result == 0) {
        struct entry entry = {.op = op, .ino = ino, .dir = from.dir, .dir2 = to.dir, .extra = (uint64_t)flags};
        if (!from.inside || !to.inside || (op == RENAME && (flags & RENAME_EXCHANGE)))
            put_file(UNKNOWN, ino, from.path, 0, (uint64_t)nr);
        else
            put(&entry, from.name, to.name, to.path, NULL, 0);
    }
    after();
    return result;
}

static long on_copy(long nr, long *a) {
    char path[PATHS];
    int fd = nr == __NR_sendfile ? (int)a[0] : (int)a[2];
    if (!path_of(fd, path)) return RAW();
    int64_t *at = nr == __NR_sendfile ? NULL : (int64_t *)a[3];
    if (gate(path, "")) return -fail_errno;
    uint64_t offset = at ? (uint64_t)*at : position(fd);
    long done = RAW();
    if (done > 0) put_range(fd, inode(fd), path, offset, (uint64_t)done);
    after();
    return done;
}

static long on_ioctl(long nr, long *a) {
    char path[PATHS];
    struct stat st;
    int fd = (int)a[0];
    if (!path_of(fd, path)) return RAW();
    if (gate(path, "")) return -fail_errno;
    long result = RAW();
    if (result == 0) {
        if ((unsigned)a[1] == (unsigned)FICLONE) {
            sys(__NR_fstat, fd, (long)&st, 0, 0);
            put_file(TRUNCATE, st.st_ino, path, (uint64_t)st.st_size, 0);
            put_range(fd, st.st_ino, path, 0, (uint64_t)st.st_size);
        } else {
            put_file(UNKNOWN, inode(fd), path, 0, (uint64_t)nr);
        }
    }
    after();
    return result;
}

static long on_unknown(long nr, long *a) {
    char path[PATHS];
    int fd = nr == __NR_mmap ? (int)a[4] : (int)a[0];
    int inside = nr == __NR_io_uring_setup || path_of(fd, path);
    /* SQLite maps its index of the log (-shm), which has no bearing on what is durable. */
    if (nr == __NR_mmap && inside && ends_with(path, "-shm")) inside = 0;
    if (inside) {
        gate("", "");
        put_file(UNKNOWN, 0, nr == __NR_io_uring_setup ? "" : path, 0, (uint64_t)nr);
    }
    return RAW();
}

static long dispatch(long nr, long *a) {
    switch (nr) {
    case __NR_write: case __NR_pwrite64: case __NR_writev: case __NR_pwritev: case __NR_pwritev2:
        return on_write(nr, a);
    case __NR_openat:
        return on_open(nr, a, (int)a[0], (char *)a[1], (int)a[2], a[3]);
    case __NR_ftruncate: case __NR_fallocate: case __NR_fsync: case __NR_fdatasync: case __NR_syncfs:
    case __NR_sync_file_range: case __NR_fchmod:
        return on_file(nr, a);
    case __NR_fchmodat: case __NR_fchmodat2:
        return on_chmod(nr, a, (int)a[0], (char *)a[1], a[2]);
    case __NR_renameat2:
        return on_names(nr, a, RENAME, (int)a[0], (char *)a[1], (int)a[2], (char *)a[3], a[4]);
#ifdef __NR_renameat
    case __NR_renameat:
        return on_names(nr, a, RENAME, (int)a[0], (char *)a[1], (int)a[2], (char *)a[3], 0);
#endif
    case __NR_linkat:
        return on_names(nr, a, LINK, (int)a[0], (char *)a[1], (int)a[2], (char *)a[3], 0);
    case __NR_symlinkat:
        return on_name(nr, a, SYMLINK, (int)a[1], (char *)a[2], (char *)a[0]);
    case __NR_unlinkat:
        return on_name(nr, a, a[2] & AT_REMOVEDIR ? REMOVE_DIR : UNLINK, (int)a[0], (char *)a[1], NULL);
    case __NR_mkdirat:
        return on_name(nr, a, MAKE_DIR, (int)a[0], (char *)a[1], NULL);
    case __NR_copy_file_range: case __NR_sendfile:
        return on_copy(nr, a);
    case __NR_ioctl:
        return on_ioctl(nr, a);
#ifdef __NR_open
    case __NR_open: return on_open(nr, a, AT_FDCWD, (char *)a[0], (int)a[1], a[2]);
    case __NR_creat: return on_open(nr, a, AT_FDCWD, (char *)a[0], O_CREAT | O_TRUNC, a[1]);
    case __NR_chmod: return on_chmod(nr, a, AT_FDCWD, (char *)a[0], a[1]);
    case __NR_rename: return on_names(nr, a, RENAME, AT_FDCWD, (char *)a[0], AT_FDCWD, (char *)a[1], 0);
    case __NR_link: return on_names(nr, a, LINK, AT_FDCWD, (char *)a[0], AT_FDCWD, (char *)a[1], 0);
    case __NR_symlink: return on_name(nr, a, SYMLINK, AT_FDCWD, (char *)a[1], (char *)a[0]);
    case __NR_unlink: return on_name(nr, a, UNLINK, AT_FDCWD, (char *)a[0], NULL);
    case __NR_mkdir: return on_name(nr, a, MAKE_DIR, AT_FDCWD, (char *)a[0], NULL);
    case __NR_rmdir: return on_name(nr, a, REMOVE_DIR, AT_FDCWD, (char *)a[0], NULL);
#endif
    default:
        return on_unknown(nr, a);
    }
}

static void handler(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    long a[6], nr = info->si_syscall;
    (void)signal;
    for (int i = 0; i < 6; i++) a[i] = (long)ARG(c, i);
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) sys(__NR_sched_yield, 0, 0, 0, 0);
    long result = dispatch(nr, a);
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    RESULT(c) = result;
}

static const int TRAPPED[] = {
    __NR_write, __NR_pwrite64, __NR_writev, __NR_pwritev, __NR_pwritev2, __NR_ftruncate, __NR_truncate,
    __NR_fallocate, __NR_fsync, __NR_fdatasync, __NR_syncfs, __NR_sync_file_range, __NR_fchmod,
    __NR_fchmodat, __NR_fchmodat2, __NR_renameat2, __NR_linkat, __NR_symlinkat, __NR_unlinkat,
    __NR_mkdirat, __NR_mknodat, __NR_copy_file_range, __NR_sendfile, __NR_splice, __NR_vmsplice,
    __NR_openat2, __NR_io_uring_setup, __NR_io_submit,
#ifdef __NR_renameat
    __NR_renameat,
#endif
#ifdef __NR_open
    __NR_creat, __NR_chmod, __NR_rename, __NR_link, __NR_symlink, __NR_unlink, __NR_mkdir, __NR_rmdir,
    __NR_mknod,
#endif
};

#define LOW(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (unsigned)(bits), yes, no)

static void install(void) {
    static struct sock_filter f[256];
    unsigned short n = 0;
    uint64_t pass = (uint64_t)(uintptr_t)vss_raw_end;
#define ADD(...) do { struct sock_filter s_[] = {__VA_ARGS__}; memcpy(f + n, s_, sizeof s_); \
                      n = (unsigned short)(n + sizeof s_ / sizeof *s_); } while (0)
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)), IS(ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
        IS((uint32_t)pass, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        IS((uint32_t)(pass >> 32), 0, 1), ALLOW);
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    for (size_t i = 0; i < sizeof TRAPPED / sizeof *TRAPPED; i++) ADD(IS(TRAPPED[i], 0, 1), TRAP);
    unsigned opens = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
    ADD(IS(__NR_openat, 0, 4), LOW(2), HAS(opens, 0, 1), TRAP, ALLOW);
#ifdef __NR_open
    ADD(IS(__NR_open, 0, 4), LOW(1), HAS(opens, 0, 1), TRAP, ALLOW);
#endif
    ADD(IS(__NR_ioctl, 0, 6), LOW(1), IS(FICLONE, 2, 0), IS(FICLONERANGE, 1, 0),
        IS(FIDEDUPERANGE, 0, 1), TRAP, ALLOW);
    ADD(IS(__NR_mmap, 0, 6), LOW(2), HAS(PROT_WRITE, 0, 3), LOW(3), HAS(MAP_SHARED, 0, 1), TRAP, ALLOW);
    ADD(ALLOW);
    struct sock_fprog program = {n, f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        abort();
}

static long number(const char **text) {
    long value = strtol(*text, (char **)text, 10);
    if (**text == ':') ++*text;
    return value;
}

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("VSS_LAB_ROOT");
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    if (!text) return;
    strncpy(root, text, PATHS - 1);
    root_len = strlen(root);
    if ((text = getenv("VSS_LAB_LOG"))) {
        int fd = open(text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        /* Out of the way of numbers that the program might expect. */
        log_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 200);
        if (log_fd < 0) abort();
        close(fd);
    }
    if ((text = getenv("VSS_LAB_KILL"))) {
        kill_at = number(&text);
        kill_after = *text == 'a';
    }
    if ((text = getenv("VSS_LAB_FAIL"))) {
        fail_at = number(&text);
        fail_errno = (int)number(&text);
        fail_mode = *text;
        while (*text && *text != ':') text++;
        fail_class = *text ? text[1] : 'a';
    }
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSYS, &action, NULL)) abort();
    install();
}
