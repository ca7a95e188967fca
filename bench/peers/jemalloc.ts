/** jemalloc, where it is installed. */
import { preloaded } from './native.ts'

export const jemalloc = preloaded('jemalloc', 'libjemalloc')
