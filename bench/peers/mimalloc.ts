/** mimalloc, where it is installed. */
import { preloaded } from './native.ts'

export const mimalloc = preloaded('mimalloc', 'libmimalloc')
