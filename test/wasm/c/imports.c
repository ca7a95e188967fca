/*
 * imports: the programs of errors.c and clean.c in one module that has no allocator: malloc, free, calloc, realloc,
 * memalign, aligned_alloc, posix_memalign and malloc_usable_size are imported from `env`.
 *
 * The heap may begin at the exported global __heap_base: all below it is the program's own.
 */
#include "clean.c"
#include "errors.c"

void *memalign(size_t alignment, size_t size);

/* Blocks of 1 to 200 bytes at multiples of `alignment`, `count` of them, one after the other; 0 in failures() is well. */
EXPORT(memalign_life) word memalign_life(word alignment, word count) {
  word sum = 0;
  for (word i = 0; i < count; i++) {
    word size = 1 + i % 200;
    unsigned char *at = memalign(alignment, size);
    if (at == 0 || (word)at % alignment != 0) {
      failed++;
      continue;
    }
    paint(at, size, i % 251);
    sum = mix(sum, inspect(at, size, i % 251));
    give(at);
  }
  return sum;
}
