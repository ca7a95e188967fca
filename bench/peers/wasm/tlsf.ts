/**
 * tlsf: the allocator of AssemblyScript, called from outside. Compiled by build.sh.
 */
// @ts-nocheck: AssemblyScript, where numbers have machine types
export function malloc(size: usize): usize {
  return heap.alloc(size)
}
export function zeroed(size: usize): usize {
  const at = heap.alloc(size)
  memory.fill(at, 0, size)
  return at
}
export function resize(at: usize, size: usize): usize {
  return heap.realloc(at, size)
}
export function free(at: usize): void {
  heap.free(at)
}
