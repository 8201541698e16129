/* SPDX-License-Identifier: MIT */
/*
 * What the compiler is told beyond C17: results that must be used, printf-like functions, and the
 * annotations of clang's thread-safety analysis. Everything expands to nothing where unsupported.
 */
#ifndef TASKQ_BASE_COMPILER_H
#define TASKQ_BASE_COMPILER_H

#define NODISCARD               __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#if defined(__clang__)
#	define CAPABILITY(name) __attribute__((capability(name)))
#	define ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#	define RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#	define REQUIRES(...)    __attribute__((requires_capability(__VA_ARGS__)))
#	define EXCLUDES(...)    __attribute__((locks_excluded(__VA_ARGS__)))
#	define NO_ANALYSIS      __attribute__((no_thread_safety_analysis))
#else
#	define CAPABILITY(name)
#	define ACQUIRES(...)
#	define RELEASES(...)
#	define REQUIRES(...)
#	define EXCLUDES(...)
#	define NO_ANALYSIS
#endif

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
