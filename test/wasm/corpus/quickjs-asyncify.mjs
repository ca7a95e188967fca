/**
 * quickjs-emscripten, the asyncify variant: the engine's stack is unwound and wound again while a module loader and a
 * function of the host are awaited.
 *
 * Hard for an interposer: a call of malloc may stand between an unwinding and its rewinding, so what is served must
 * answer at once and must not disturb asyncify's state; the functions double in size, the names are minified; every
 * newAsyncContext() is an instance of its own of the same compiled module.
 */
import { newAsyncContext } from 'quickjs-emscripten'

const factor = Number(process.argv[2] ?? 1)
const later = (value) => new Promise((resolve) => setTimeout(resolve, 1, value))

/** A module that imports the ones before it, and makes some garbage on its way. */
function moduleText(name) {
  const number = Number(name.slice(1))
  const before = number > 0 ? `import { value as v } from 'm${number - 1}'` : 'const v = 1'
  return `${before}
    const list = Array.from({ length: ${Math.round(150 * factor)} }, (_, i) => ({ i, text: 'x'.repeat(i % 50) }))
    export const value = (v * 31 + list.reduce((n, o) => n + o.text.length, 0)) % 1000003`
}

for (let round = 0; round < 2; round++) {
  const context = await newAsyncContext()
  let loads = 0
  context.runtime.setModuleLoader(async (name) => {
    loads++
    return later(moduleText(name))
  })
  context
    .newAsyncifiedFunction('read', async (handle) => {
      const name = context.getString(handle)
      return context.newString(`${await later(name)}:${'data '.repeat(200)}`)
    })
    .consume((read) => context.setProp(context.global, 'read', read))

  const loaded = await context.evalCodeAsync("import { value } from 'm20'; globalThis.value = value", 'main.js', {
    type: 'module',
  })
  context.unwrapResult(loaded).dispose()
  console.log(
    'modules',
    loads,
    context.getProp(context.global, 'value').consume((value) => context.getNumber(value)),
  )

  const read = await context.evalCodeAsync(`
    let sum = 0
    for (let i = 0; i < 30; i++) {
      const before = Array.from({ length: 50 }, (_, j) => [i, j, 'y'.repeat(j)])
      const text = read('file' + i)
      sum += text.length + before.reduce((n, [a, b, c]) => n + a + b + c.length, 0)
    }
    sum`)
  context.unwrapResult(read).consume((sum) => console.log('read', context.getNumber(sum)))
  context.dispose()
}
