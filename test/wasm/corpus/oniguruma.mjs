/**
 * vscode-oniguruma: compiles patterns, scans texts with them as an editor's highlighter does, and disposes of all.
 *
 * Hard for an interposer: malloc and free are exported, realloc is not and must be found by its shape; calloc is not
 * hooked and looks at the head of the block that it got, at p - 4, to see whether it must be cleared.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import oniguruma from 'vscode-oniguruma'

const { createOnigScanner, createOnigString, loadWASM } = oniguruma
const factor = Number(process.argv[2] ?? 1)
const require = createRequire(import.meta.url)
await loadWASM((await readFile(join(dirname(require.resolve('vscode-oniguruma')), 'onig.wasm'))).buffer)

const patterns = [
  String.raw`\b(?<word>class|function|return|const|let)\b`,
  String.raw`(?<!\w)[A-Z]\w*(?=\s*\()`,
  String.raw`"(?:[^"\\]|\\.)*"`,
  '//.*$',
  String.raw`(?<open>\()(?:[^()]|\g<0>)*\)`,
  String.raw`\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b`,
  String.raw`[\p{L}&&[^a-z]]+`,
  String.raw`(?i:error|warn(?:ing)?)\s*:\s*(.{1,20})`,
]
const line = (i) =>
  `const Name${i} = function Make${i}(x, (y + ${i}.5e3)) { return "text \\" ${i} Ünïcödé 漢字" } // Warning: line ${i}`

let matches = 0
let checksum = 0
for (let round = 0; round < 4 * factor; round++) {
  const scanner = createOnigScanner([...patterns, `round${round}|${'a?'.repeat(round + 1)}${'a'.repeat(round + 1)}`])
  for (let i = 0; i < 300; i++) {
    const text = createOnigString(line(i * (round + 1)))
    for (let at = 0; ; ) {
      const match = scanner.findNextMatchSync(text, at)
      if (match === null) break
      const { start, end } = match.captureIndices[0]
      matches++
      checksum = (Math.imul(checksum, 31) + match.index * 7 + start + end * 3 + match.captureIndices.length) | 0
      at = Math.max(end, at + 1)
    }
    text.dispose()
  }
  scanner.dispose()
}
console.log('matches', matches, checksum)

for (let i = 0; i < 200 * factor; i++) {
  const words = Array.from({ length: 40 }, (_, j) => `word${i}_${j}(?:x{${j % 9},${(j % 9) + 3}}|[a-z${i % 10}]+)`)
  const scanner = createOnigScanner([words.join('|')])
  if (i % 50 === 0) console.log('found', JSON.stringify(scanner.findNextMatchSync(`-- word${i}_${i % 40}xxxx --`, 0)))
  scanner.dispose()
}
try {
  createOnigScanner(['(unclosed'])
} catch (error) {
  console.log('refused:', error.message)
}
