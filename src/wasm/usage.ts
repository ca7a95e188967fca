/**
 * usage: what a function does with its parameters as they came, told from neighbouring instructions.
 *
 *   local.get 1  i32.const 11  i32.add           uses(..., 1, (op, constant) => op === ADD && constant === 11)
 *   local.get 0  local.get 1  i32.mul            multipliesBoth
 *   local.get 0  call free                       every call of free is given parameter 0
 *
 * A parameter that code has put something into counts no more from there on, in the order of the code.
 */
import { bodyOf } from './binary.ts'
import { CALL, Code, I32_ADD, I32_CONST, I32_SUB, LOCAL_GET, LOCAL_SET, LOCAL_TEE } from './code.ts'
import type { Survey } from './survey.ts'

const I32_MUL = 0x6c
const I64_MUL = 0x7e
const EXTENDS = 0xad
const NOBODY = -1

/** A parameter and a constant, in this order, are the operands of something. */
export function uses(
  survey: Survey,
  index: number,
  param: number,
  test: (op: number, constant: number) => boolean,
): boolean {
  const code = new Code(survey.module.bytes, bodyOf(survey.module, index)!)
  const given = new Set<number>()
  let got = NOBODY
  let below = NOBODY
  let constant = 0
  while (code.next()) {
    if (below === param && test(code.op, constant)) return true
    below = code.op === I32_CONST ? got : NOBODY
    if (code.op === I32_CONST) constant = code.a
    got = code.op === LOCAL_GET && !given.has(code.a) ? code.a : NOBODY
    if (code.op === LOCAL_SET || code.op === LOCAL_TEE) given.add(code.a)
  }
  return false
}

/** Takes this much off the parameter. */
export function takesOff(survey: Survey, index: number, param: number, bytes: number): boolean {
  return uses(
    survey,
    index,
    param,
    (op, constant) => (op === I32_SUB && constant === bytes) || (op === I32_ADD && constant === -bytes),
  )
}

/** Makes a chunk's size of the parameter: adds a head of 4 bytes and rounds up. */
export function pads(survey: Survey, index: number, param: number, alignment: 8 | 16): boolean {
  return uses(survey, index, param, (op, constant) => op === I32_ADD && constant === alignment + 3)
}

/** Parameters 0 and 1 are multiplied. */
export function multipliesBoth(survey: Survey, index: number): boolean {
  const code = new Code(survey.module.bytes, bodyOf(survey.module, index)!)
  let one = NOBODY
  let other = NOBODY
  while (code.next()) {
    if (code.op === EXTENDS) continue
    if ((code.op === I32_MUL || code.op === I64_MUL) && one + other === 1 && one * other === 0) return true
    one = other
    other = code.op === LOCAL_GET ? code.a : NOBODY
  }
  return false
}

/** Every call of the function is given the parameter as its last one. */
export function handsOn(survey: Survey, index: number, callee: number, param: number): boolean {
  const code = new Code(survey.module.bytes, bodyOf(survey.module, index)!)
  let got = NOBODY
  while (code.next()) {
    if (code.op === CALL && code.a === callee && got !== param) return false
    got = code.op === LOCAL_GET ? code.a : NOBODY
  }
  return true
}
