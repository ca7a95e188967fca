#!/usr/bin/env node
/**
 * The command. `vmalloc --help` tells what it can do; src/node/cli.ts is where it does it.
 */
import '../src/index.ts'
import { main } from '../src/node/cli.ts'

process.exitCode = await main(process.argv.slice(2))
