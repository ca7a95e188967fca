/*
 * calls: what the bench asks of a malloc in WebAssembly, in the order of arguments that every subject has.
 *
 * Compiled together with the dlmalloc or emmalloc of Emscripten by build.sh; malloc and free are exported as they are.
 */
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

void *zeroed(size_t size) { return calloc(1, size); }
void *aligned(size_t size, size_t alignment) { return memalign(alignment, size); }
void *resize(void *at, size_t size) { return realloc(at, size); }

/* Where the memory that was ever taken ends. */
size_t top(void) { return (size_t)sbrk(0); }
