/**
 * payer: who pays for what is allocated without a word about it, in every region that keeps accounts.
 *
 * Those above the regions know (they follow calls and async code), and say so here when the first of them begins.
 */

/** Names a component by the way to its account: in each region the account below the region's own that is so called. */
export interface Payer {
  /** UTF-8 of each name, from the top. */
  readonly way: readonly Uint8Array[]
}

/** Undefined until somebody pays. */
export let payer: (() => Payer | undefined) | undefined

export function payBy(current: () => Payer | undefined): void {
  payer = current
}
