/**
 * wasmoon 1.16.0 uses what it has freed: Global.close() lets Lua free its state and then lets the extensions close, one of
 * which calls luaL_unref with that state. With `--open` the engine is left open.
 */
import { LuaFactory } from 'wasmoon'

const lua = await new LuaFactory().createEngine()
console.log(await lua.doString('return ("lua "):rep(3)'))
if (process.argv[2] !== '--open') lua.global.close()
console.log('the end')
