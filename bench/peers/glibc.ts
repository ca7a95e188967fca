/** glibc: malloc as every C program on Linux gets it. */
import type { Subject } from '../subject.ts'
import { missingForC, native } from './native.ts'

export const glibc: Subject = { ...native('glibc', 'malloc of the C library, called from C'), missing: missingForC }
