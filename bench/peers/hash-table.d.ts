/** `@ronomon/hash-table` comes without types. */
declare module '@ronomon/hash-table' {
  export default class HashTable {
    constructor(keySize: number, valueSize: number, elementsMin?: number, elementsMax?: number)
    /** 1 where the key was there, else 0. */
    set(key: Buffer, keyAt: number, value: Buffer, valueAt: number): 0 | 1
    get(key: Buffer, keyAt: number, value: Buffer, valueAt: number): 0 | 1
  }
}
