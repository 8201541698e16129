/* SPDX-License-Identifier: MIT */
/*
 * How much work a factorial is and how much of it a step does, in a unit of their own: products of
 * two words, about. So that progress rises as time passes. Pure; for the files of this directory.
 */
#ifndef TASKQ_KINDS_FACTORIAL_FACTORIAL_WORK_H
#define TASKQ_KINDS_FACTORIAL_FACTORIAL_WORK_H

#include <stdint.h>

/**
 * factorial_work - of computing n! and converting it to decimal
 * An estimate from the sizes of the numbers. What all steps together come to was measured as 0.83
 * to 1.05 of it for n from 3,000 to 1,000,000, and any tenth of the time as 0.04 to 0.2.
 */
uint64_t factorial_work(uint64_t n);

/**
 * factorial_work_multiply - of multiplying two numbers of so many words, by Karatsuba's method
 * factorial_work_divide   - of OpenSSL's division, which is quadratic; of a number that is shorter
 * than its divisor, whose quotient has 0 words or less, none
 */
uint64_t factorial_work_multiply(int long_words, int short_words);
uint64_t factorial_work_divide(int quotient_words, int divisor_words);

#endif
