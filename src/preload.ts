/**
 * vmalloc/preload: the WebAssembly modules that this program runs have their malloc served, or watched, as VMALLOC_OPTIONS
 * says. To be loaded before the first of them is compiled:
 *
 *   NODE_OPTIONS=--import=vmalloc/preload VMALLOC_OPTIONS=method=debug node app.mjs
 *   import 'vmalloc/preload'                                                          // in browsers, before the others
 */
import './index.ts'
import { patch } from './wasm/patch.ts'
import { tellModules } from './wasm/tell.ts'

patch()
tellModules()
