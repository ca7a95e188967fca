/** tcmalloc, where it is installed. */
import { preloaded } from './native.ts'

export const tcmalloc = preloaded('tcmalloc', 'libtcmalloc_minimal', 'libtcmalloc')
