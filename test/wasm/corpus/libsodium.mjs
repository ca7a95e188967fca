/**
 * libsodium-wrappers: hashes, secret boxes, signatures and streams of many sizes.
 *
 * Hard for an interposer: the bytes of the module stand inside the .js file, there is no .wasm file to look at; the names
 * are minified; malloc and free are called from the glue alone (a pair for each argument), for buffers of some bytes and
 * of megabytes, and the memory grows in between.
 */
import sodium from 'libsodium-wrappers'

await sodium.ready

const factor = Number(process.argv[2] ?? 1)
const bytes = (length, start) => new Uint8Array(length).map((_, i) => start + i * 7)
const key = bytes(sodium.crypto_secretbox_KEYBYTES, 1)
const nonce = bytes(sodium.crypto_secretbox_NONCEBYTES, 2)

let last = new Uint8Array(32)
for (let i = 0; i < 2000 * factor; i++) last = sodium.crypto_generichash(32, bytes(i % 700, i), last)
console.log('hash', sodium.to_hex(last))

let opened = 0
let box
for (let i = 0; i < 1000 * factor; i++) {
  const message = bytes((i * 37) % 3000, i)
  box = sodium.crypto_secretbox_easy(message, nonce, key)
  opened += sodium.crypto_secretbox_open_easy(box, nonce, key).length
}
console.log('boxes', opened, sodium.to_hex(sodium.crypto_generichash(16, box)))
box[3] ^= 1
try {
  sodium.crypto_secretbox_open_easy(box, nonce, key)
} catch (error) {
  console.log('refused:', error.message)
}

const pair = sodium.crypto_sign_seed_keypair(bytes(sodium.crypto_sign_SEEDBYTES, 3))
let verified = 0
for (let i = 0; i < 100 * factor; i++) {
  const signature = sodium.crypto_sign_detached(bytes(i * 3, i), pair.privateKey)
  if (sodium.crypto_sign_verify_detached(signature, bytes(i * 3, i), pair.publicKey)) verified++
}
console.log('signatures', verified, sodium.to_base64(pair.publicKey))

const stream = sodium.crypto_secretstream_xchacha20poly1305_init_pull(bytes(24, 4), key)
console.log('stream', sodium.crypto_secretstream_xchacha20poly1305_pull(stream, bytes(100, 5)))
for (const size of [1e5, 1e6, Math.round(2e6 * factor)]) {
  const large = bytes(size, 6)
  console.log(
    size,
    sodium.crypto_secretbox_detached(large, nonce, key, 'hex').mac,
    sodium.crypto_hash(large, 'hex').slice(0, 16),
  )
}
