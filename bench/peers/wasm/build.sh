#!/bin/sh
# build: compiles the WebAssembly peers anew; their bytes are kept in the repository so that the bench needs no compiler.
#
#   dlmalloc.wasm   Emscripten's dlmalloc.c (public domain)          needs emcc; built with 3.1.6
#   emmalloc.wasm   Emscripten's emmalloc.c (MIT or NCSA)            needs emcc; built with 3.1.6
#   tlsf.wasm       AssemblyScript's TLSF (Apache-2.0), see tlsf.ts  needs npx;  built with 0.28.20
#
# Memory starts at 1 MiB (dlmalloc, emmalloc: their least) and grows up to 2 GiB.
set -eu
cd "$(dirname "$0")"

for malloc in dlmalloc emmalloc; do
  emcc calls.c -O3 -flto --no-entry -s MALLOC=$malloc -s ALLOW_MEMORY_GROWTH=1 -s MAXIMUM_MEMORY=2147483648 \
    -s INITIAL_MEMORY=1048576 -s TOTAL_STACK=65536 -s ABORTING_MALLOC=0 -s STANDALONE_WASM=1 \
    -s EXPORTED_FUNCTIONS=_malloc,_free,_zeroed,_aligned,_resize,_top -o $malloc.wasm
done

npx --yes --package=assemblyscript@0.28.20 -- \
  asc tlsf.ts -O3 --noAssert --runtime minimal --maximumMemory 32768 --outFile tlsf.wasm
