/**
 * wasmoon: Lua 5.4 with tables, strings, coroutines and functions of the host, in several engines.
 *
 * Hard for an interposer: the exported malloc and free are thunks, and the rest of the module calls what stands behind
 * them (emmalloc, not dlmalloc); Lua does nearly all its work through realloc. The engines are not closed: at the close
 * version 1.16.0 frees the state of Lua and then writes to it once more, which is another test (wasmoon.test.ts).
 */
import { LuaFactory } from 'wasmoon'

const factor = Number(process.argv[2] ?? 1)
const factory = new LuaFactory()

for (let round = 0; round < 3; round++) {
  const lua = await factory.createEngine()
  lua.global.set('size', Math.round(8000 * factor))
  lua.global.set('sum', (x, y) => x + y)
  await lua.doString(`
    local seed = 42
    local function random(below) seed = (seed * 16807) % 2147483647; return seed % below end
    local words, keys = {}, {}
    for i = 1, size do
      local key = 'key' .. random(size)
      if not words[key] then words[key] = { n = 0, list = {} }; keys[#keys + 1] = key end
      local word = words[key]
      word.n = word.n + 1
      word.list[#word.list + 1] = string.rep('ab', random(30)) .. i
    end
    table.sort(keys)
    local bytes = 0
    for i, key in ipairs(keys) do
      bytes = bytes + #table.concat(words[key].list, ',')
      if i % 3 == 0 then words[key] = nil end
    end
    collectgarbage()
    local co = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield({ i, tostring(i) }) end end)
    for i = 1, 1000 do bytes = sum(bytes, #co()[2]) end
    local long = {}
    for i = 1, size do long[i] = ('%d:%s'):format(i, random(1000)) end
    local text = table.concat(long, ' '):gsub('%d+:', function(n) return '<' .. n .. '>' end)
    result = table.concat({ #keys, bytes, #text, keys[1] }, ' ')
    function multiply(x, y) return x * y end
  `)
  console.log(lua.global.get('result'))
  console.log(lua.global.get('multiply')(round + 6, 7))
  try {
    await lua.doString('error("as planned", 0)')
  } catch (error) {
    console.log('error', error.message.split('\n')[0])
  }
  await lua.doString('words, keys = nil, nil; collectgarbage()')
}
