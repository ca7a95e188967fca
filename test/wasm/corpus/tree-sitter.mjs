/**
 * web-tree-sitter with tree-sitter-python and tree-sitter-javascript: parses sources made here, edits them and parses
 * again, runs a query, deletes its trees, and walks in the middle of it all.
 *
 * Hard for an interposer: the core is a main module of dynamic linking with imported memory and table (its addresses are
 * relative), the two grammars are side modules loaded later that import malloc, calloc, realloc and free; the glue walks
 * the exports of the main module, so none may be added to them; many thousand reallocs.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Edit, Language, Parser, Query } from 'web-tree-sitter'

const factor = Number(process.argv[2] ?? 1)
const require = createRequire(import.meta.url)
const grammar = (name) => join(dirname(require.resolve(`${name}/package.json`)), `${name}.wasm`)

const python = (count) =>
  Array.from({ length: count }, (_, i) =>
    [
      `class Shape${i}(Base):`,
      `    """A shape of ${i} corners."""`,
      `    def area(self, scale=${i}, *rest, **named):`,
      `        total = sum(x * ${i} for x in range(${i}) if x % 2 == 0)`,
      `        if total > ${i * 3}:`,
      `            return f"{total}: {scale!r}" + 'text' * ${i % 9}`,
      `        return {'a': [1, 2, ${i}], 'b': (lambda y: y ** 2)(total)}`,
      '',
    ].join('\n'),
  ).join('\n')

const javascript = (count) =>
  Array.from({ length: count }, (_, i) =>
    [
      `export async function* walk${i}({ from, to = ${i}, ...rest }) {`,
      `  const text = \`from \${from} to \${to ?? ${i}}\` /* ${'note '.repeat(i % 5)}*/`,
      `  for (const [key, value] of Object.entries(rest)) yield { key, [value]: text.replace(/[a-z]+${i}/gi, '') }`,
      `  return from < to ? await import('./m${i}.js') : (() => { throw new Error("${i}") })()`,
      '}',
    ].join('\n'),
  ).join('\n')

function hash(text) {
  let sum = 2166136261
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619) >>> 0
  return sum.toString(16)
}

/** Nodes of a tree, met in order by a cursor. */
function count(tree) {
  const cursor = tree.walk()
  let nodes = 0
  for (;;) {
    nodes++
    if (cursor.gotoFirstChild() || cursor.gotoNextSibling()) continue
    for (;;) {
      if (!cursor.gotoParent()) {
        cursor.delete()
        return nodes
      }
      if (cursor.gotoNextSibling()) break
    }
  }
}

/** The text with `name` in place of the one that stands at the index, and the same told to the tree. */
function edited(tree, text, at, old, name) {
  const row = text.slice(0, at).split('\n').length - 1
  const column = at - (text.lastIndexOf('\n', at - 1) + 1)
  const end = (length) => ({ row, column: column + length })
  tree.edit(
    new Edit({
      startIndex: at,
      oldEndIndex: at + old.length,
      newEndIndex: at + name.length,
      startPosition: end(0),
      oldEndPosition: end(old.length),
      newEndPosition: end(name.length),
    }),
  )
  return text.slice(0, at) + name + text.slice(at + old.length)
}

await Parser.init()
const work = [
  ['tree-sitter-python', python(Math.round(80 * factor)), 'total', '(class_definition name: (identifier) @name)'],
  [
    'tree-sitter-javascript',
    javascript(Math.round(80 * factor)),
    'text',
    '(generator_function_declaration name: (identifier) @name)',
  ],
]
for (const [name, source, word, pattern] of work) {
  const language = await Language.load(grammar(name))
  const parser = new Parser()
  parser.setLanguage(language)
  const query = new Query(language, pattern)

  let text = source
  let tree = parser.parse(text)
  console.log(name, text.length, hash(tree.rootNode.toString()), count(tree), tree.rootNode.hasError)
  for (let i = 0; i < 12; i++) {
    const at = text.indexOf(word, Math.floor((text.length * i) / 12))
    text = edited(tree, text, at, word, i % 5 === 2 ? `${word}.more` : `renamed_${i}`)
    const next = parser.parse(text, tree)
    const changed = tree.getChangedRanges(next).length
    tree.delete()
    tree = next
    if (i % 4 >= 2) console.log(' edit', i, hash(tree.rootNode.toString()), changed, tree.rootNode.hasError)
  }
  const copy = tree.copy()
  tree.delete()
  const matches = query.matches(copy.rootNode)
  console.log(' names', matches.length, matches.at(-1)?.captures[0].node.text)
  copy.delete()

  for (let i = 0; i < 3; i++) parser.parse(source.slice(0, source.length / (i + 2))).delete()
  query.delete()
  parser.delete()
}
