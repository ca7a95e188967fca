/**
 * frame-text: a call on a stack as a person reads it, such that the same call comes of it again.
 *
 *   parse (/app/file.js:10:5)      function, file, line, column
 *   /app/file.js:10:5              no function: the top level of a module
 *   main+72 (./a.out)              no line
 *
 * That is how engines write frames. It would not always tell the parts from each other, so, where that is in doubt,
 *
 *   [x\(y)] (/app/a.js:1:2)        a ( in the name of a function has a \ before it
 *   (/app/a (copy))                a file without a function that ends with ) stands in parentheses; so does none
 *   http://host:8080:0:0           behind a file that ends like a place both line and column stand
 *
 * and as everywhere in the text of a trace \\ is a backslash, \n the end of a line and \r a carriage return.
 */
import { type Frame, frameText } from '../ground/stacks.ts'

/** A text on one line. */
export function escapeLine(text: string): string {
  return text.replace(/[\\\n\r]/g, (sign) => (sign === '\n' ? '\\n' : sign === '\r' ? '\\r' : '\\\\'))
}

/** The text that was escaped. */
export function unescapeLine(text: string): string {
  return text.replace(/\\(.)/gs, (_, sign: string) => (sign === 'n' ? '\n' : sign === 'r' ? '\r' : sign))
}

export function writeFrame(frame: Frame): string {
  const { name, file, line, column } = frame
  const looksPlaced = /:\d+$/.test(file)
  const place = escapeLine(looksPlaced ? `${file}:${line}:${column}` : frameText({ ...frame, name: '' }))
  if (name !== '') return `${escapeLine(name).replaceAll('(', '\\(')} (${place})`
  return place === '' || place.endsWith(')') ? `(${place})` : place
}

export function readFrame(text: string): Frame {
  const [, name = '', inside] = /^(?:((?:[^\\(]|\\.)*) )?\((.*)\)$/s.exec(text) ?? []
  const [, file = '', line = '0', column = '0'] = /^(.*?)(?::(\d+)(?::(\d+))?)?$/s.exec(inside ?? text) ?? []
  return { name: unescapeLine(name), file: unescapeLine(file), line: Number(line), column: Number(column) }
}
