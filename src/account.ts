/**
 * vmalloc/account: who holds the memory, by component of the program.
 */
import './index.ts'

export {
  Account,
  type AccountOptions,
  account,
  accounts,
  type Counts,
  currentAccount,
  type HardLimit,
  type Limits,
  ordinalOf,
  ownerOf,
  type SoftLimit,
  sizeOf,
} from './account/account.ts'
export {
  type AccountFigures,
  type ClosedFigures,
  type RegionFigures,
  type Report,
  report,
} from './account/report.ts'
