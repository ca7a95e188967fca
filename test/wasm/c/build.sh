#!/bin/sh
# Builds test/wasm/modules from the C programs of this folder. The committed modules were made by Debian clang 14.0.6 and
# wasm-ld 14.0.6, wasi-libc 0.0~git20220510.9886d3d-2 (its allocator is dlmalloc, payloads at multiples of 16) and
# binaryen 108's wasm-opt; the same tools give the same bytes. Whoever only runs the tests needs none of them.
#
#   sh test/wasm/c/build.sh          the modules of the C programs
#   node test/wasm/c/odd.mjs         the odd ones, from text
#
#   shape            exports beside the program's own functions       names   what it stands for
#   full             malloc and all its kin                           yes     a development build
#   exports          the same                                         no      sqlite, pyodide
#   onlymallocfree   malloc free                                      no      most packages of C code
#   stripped         none                                             no      a program that keeps its heap to itself
#   inlined          none; wasm-opt -O3 has put realloc into its      no      sql.js
#                    one caller, and calls go past malloc's thunk
#   own              malloc and all its kin, not dlmalloc's           yes     another allocator (own-heap.c)
#   limited          as full, memory of 1 MiB at most (clean alone)   yes     a program that meets the end of memory
#   imported         memory is imported, malloc and its kin too       yes     a program linked with an allocator of ours
#   exported         memory is exported, malloc and its kin imported  no
#
# A reactor has no main and imports nothing. -fno-builtin keeps the compiler from knowing what malloc and free mean, so
# that wrong uses of them are compiled as they stand. What comes from wasi-libc: dlmalloc (public domain), strings of musl
# (MIT), the rest MIT; the modules are for the tests alone, no package has them.
set -eu
cd "$(dirname "$0")"
out=../modules
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

kin="malloc free calloc realloc aligned_alloc posix_memalign malloc_usable_size"
export_of() { for name in "$@"; do printf ' -Wl,--export=%s' "$name"; done; }
compile() { clang --target=wasm32-wasi -O2 -g0 -Wall -Wextra -Werror -fno-builtin -c "$1.c" -o "$tmp/$1.o"; }
link() { clang --target=wasm32-wasi -mexec-model=reactor -Wl,--strip-debug "$@"; }

for name in errors clean pair imports own-heap; do compile "$name"; done

for name in errors clean; do
  link "$tmp/$name.o" $(export_of $kin) -o "$out/$name.full.wasm"
  link "$tmp/$name.o" $(export_of $kin) -Wl,--strip-all -o "$out/$name.exports.wasm"
  link "$tmp/$name.o" $(export_of malloc free) -Wl,--strip-all -o "$out/$name.onlymallocfree.wasm"
  link "$tmp/$name.o" -Wl,--strip-all -o "$out/$name.stripped.wasm"
  link "$tmp/$name.o" -o "$tmp/$name.wasm"
  wasm-opt -O3 --strip-debug --strip-producers "$tmp/$name.wasm" -o "$out/$name.inlined.wasm"
  link "$tmp/$name.o" "$tmp/own-heap.o" $(export_of $kin) -o "$out/$name.own.wasm"
done

link "$tmp/clean.o" $(export_of $kin) -Wl,--max-memory=1048576 -o "$out/clean.limited.wasm"

# pair has no allocator but malloc and free, and is built in three shapes
link "$tmp/pair.o" $(export_of malloc free) -o "$out/pair.full.wasm"
link "$tmp/pair.o" $(export_of malloc free) -Wl,--strip-all -o "$out/pair.onlymallocfree.wasm"
link "$tmp/pair.o" -Wl,--strip-all -o "$out/pair.stripped.wasm"

# libc without its allocator, so that the program's calls of it stay imports
libc=$(clang --target=wasm32-wasi -print-file-name=libc.a)
cp "$libc" "$tmp/libc-rest.a"
llvm-ar d "$tmp/libc-rest.a" dlmalloc.o
for name in $kin memalign; do echo "$name"; done > "$tmp/imports.txt"
rest="$tmp/imports.o -nodefaultlibs $tmp/libc-rest.a -Wl,--allow-undefined-file=$tmp/imports.txt -Wl,--export=__heap_base"
link $rest -Wl,--import-memory -o "$out/imports.imported.wasm"
link $rest -Wl,--strip-all -o "$out/imports.exported.wasm"

# position-independent: a side module, which a dynamic linker places, and which imports malloc and free from its main one
clang --target=wasm32-unknown-emscripten -isystem /usr/include/wasm32-wasi -D__wasi__ -O2 -g0 -fPIC -fno-builtin \
  -Wall -Wextra -Werror -c side.c -o "$tmp/side.o"
wasm-ld --experimental-pic -shared --import-memory --strip-debug "$tmp/side.o" -o "$out/side.clang.wasm"
chmod 644 "$out"/*.wasm
