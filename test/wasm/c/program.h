/*
 * program: what the C programs here have in common.
 *
 *   EXPORT(name)   a function that JavaScript calls, in every shape of the module
 *   STEP           a function that stays one, so that it has a frame in stacks
 *
 * All programs are reactors: they import nothing (but malloc and its kin where the shape is `imports`), have no main, and
 * JavaScript calls _initialize() once and then what it likes. Addresses and sizes are unsigned words.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name), noinline))
#define STEP static __attribute__((noinline))

typedef uint32_t word;

#endif
