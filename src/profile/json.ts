/**
 * json: profiles as data, which `vmalloc report` reads back.
 */
import type { Profile } from '../contract/profile.ts'

export const PROFILE_VERSION = 1

export const jsonOf = (profiles: readonly Profile[]): object => ({
  vmalloc: 'profile',
  version: PROFILE_VERSION,
  profiles,
})
