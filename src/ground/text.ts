/**
 * text: UTF-8 to and from bytes that may be shared (the platform's coders refuse shared views in browsers).
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** UTF-8 of `text`, unpaired surrogates replaced. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** Writes UTF-8 of `text` into bytes that are not shared, as far as they reach; answers how many. */
export function encodeInto(text: string, into: Uint8Array<ArrayBuffer>): number {
  return encoder.encodeInto(text, into).written
}

/** The text of `bytes`, malformed sequences replaced; a U+FEFF at the beginning is a character like others. */
export function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes.slice())
}
