/**
 * http-side: what one side says in HTTP/1, taken apart as it comes. All that is known of it in between lies in the file
 * scope.
 *
 *   side   +0     +4       +8     +16    +24      +32    +36    +40       +44
 *          | STEP | STATUS | LEFT | BODY | LENGTH | LINE | HOST | REQUEST | CODING |     SIDE = 48
 *
 *   STEP      what is expected next
 *   STATUS    of an answer; 0 for a request
 *   LEFT      bytes of the body, or of a chunk, that are still to come
 *   BODY      bytes of the body so far
 *   LENGTH    what Content-Length said
 *   LINE      a line that has begun: address of a StringBuilder, 0 before there is one
 *   HOST      address of the text of that header, 0 for none
 *   REQUEST   address of a text: method and target of a request, or the request that is answered
 *   CODING    bits: what the headers said, and whether it is a request
 *
 *   START -> HEADERS -> BODY ------------------------------> START      Content-Length
 *                    -> SIZE -> CHUNK -> CHUNK_END -> SIZE              chunked
 *                       SIZE -> TRAILERS ------------------> START      after a size of 0
 *                    -> REST                                            to the end of the stream
 *   anything -> LOST -> START   bytes are missing, or make no sense: until a piece looks like a beginning
 *   anything -> OTHER           they agreed on another protocol
 *
 * Bodies are counted, not kept. An answer is that to the oldest request without one; how long its body is hangs on what
 * was asked.
 *
 * Source: RFC 9112, sections 2, 6 and 7.
 */
import type { Addr } from 'vmalloc'
import { address, Queue, StringBuilder } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'
import type { Bytes } from './bytes.ts'
import type { Counts } from './counts.ts'
import { Fields, type Memory } from './memory.ts'
import type { Requests } from './requests.ts'

export const SIDE = 48

const STEP = 0
const STATUS = 4
const LEFT = 8
const BODY = 16
const LENGTH = 24
const LINE = 32
const HOST = 36
const REQUEST = 40
const CODING = 44

const START_STEP = 0
const HEADERS_STEP = 1
const BODY_STEP = 2
const SIZE_STEP = 3
const CHUNK_STEP = 4
const CHUNK_END_STEP = 5
const TRAILERS_STEP = 6
const REST_STEP = 7
const LOST_STEP = 8
const OTHER_STEP = 9

const HAS_LENGTH = 1
const IS_CHUNKED = 2
const IS_CODED = 4
const IS_ASKING = 8

const LF = 10
const MOST_LINE = 65_536

/** What is counted of all streams of a file. */
export const REQUESTS = 0
export const ANSWERS = 1
export const CHUNKS = 2
export const BODY_BYTES = 3
export const BROKEN = 4
export const httpCounts = ['requests', 'answers', 'chunks', 'bytes of bodies', 'broken off']

const request = /^([A-Z]+) (\S+) HTTP\/1\.\d$/
const answer = /^HTTP\/1\.\d ([1-9]\d\d)(?: |$)/
const beginning = /^(?:HTTP\/1\.|(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) )/

/** What the sides of all streams of a file, and of one stream, have in common. */
export interface Around {
  scope: Scope
  memory: Memory
  requests: Requests
  counts: Counts
  /** Of this stream: address of the Queue of requests without an answer. */
  waiting: Addr
}

export class HttpSide extends Fields {
  private readonly around: Around
  private readonly other: Addr

  /** The sides of a stream at their addresses: SIDE bytes that were zero at first. */
  constructor(around: Around, at: Addr, other: Addr) {
    super(around.memory, at)
    this.around = around
    this.other = other
  }

  /** Takes what comes next; answers whether any of it is HTTP. */
  data(bytes: Bytes): boolean {
    if (this.step === LOST_STEP && beginning.test(bytes.text(0, Math.min(bytes.length, 8)))) this.step = START_STEP
    let place = 0
    while (place < bytes.length && this.step < LOST_STEP) {
      const left = bytes.length - place
      place += this.isCounting ? this.count(left) : this.line(bytes, place)
    }
    return this.step < LOST_STEP
  }

  /** So many bytes are missing. In the middle of a body that does no harm. */
  lost(count: number): void {
    if (this.step === REST_STEP || (this.isCounting && count <= this.double(LEFT))) this.count(count)
    else if (this.step !== OTHER_STEP) this.breakOff(LOST_STEP)
  }

  /** No more will come. */
  end(): void {
    if (this.step === REST_STEP) this.finish()
    else if (this.step !== START_STEP) this.breakOff(OTHER_STEP)
  }

  private get step(): number {
    return this.word(STEP)
  }

  private set step(step: number) {
    this.setWord(STEP, step)
  }

  private get isCounting(): boolean {
    return this.step === BODY_STEP || this.step === CHUNK_STEP || this.step === REST_STEP
  }

  /** Goes past so many bytes of a body, or fewer where that ends; answers how many. */
  private count(most: number): number {
    const bytes = this.step === REST_STEP ? most : Math.min(most, this.double(LEFT))
    this.setDouble(BODY, this.double(BODY) + bytes)
    this.around.counts.add(BODY_BYTES, bytes)
    if (this.step === REST_STEP) return bytes
    this.setDouble(LEFT, this.double(LEFT) - bytes)
    if (this.double(LEFT) > 0) return bytes
    if (this.step === BODY_STEP) this.finish()
    else this.step = CHUNK_END_STEP
    return bytes
  }

  /** Goes to the end of a line, or of the bytes; answers how many. */
  private line(bytes: Bytes, place: number): number {
    const { u8 } = this.memory
    const end = u8.subarray(bytes.at + place, bytes.at + bytes.length).indexOf(LF)
    const size = end < 0 ? bytes.length - place : end
    const text = this.begun()
    if (text.length + size > MOST_LINE) this.breakOff(LOST_STEP)
    else {
      text.appendBytes(bytes.at + place, size)
      if (end >= 0) this.take(text)
    }
    return end < 0 ? size : size + 1
  }

  private begun(): StringBuilder {
    const { scope } = this.around
    const at = this.word(LINE)
    if (at !== 0) return new StringBuilder(scope, { at })
    const line = new StringBuilder(scope)
    this.setWord(LINE, line.at)
    return line
  }

  private take(line: StringBuilder): void {
    const text = line.toString().replace(/\r$/, '')
    line.truncate(0)
    if (!this.understands(text)) this.breakOff(LOST_STEP)
  }

  private understands(line: string): boolean {
    switch (this.step) {
      case START_STEP:
        return line === '' || this.first(line)
      case HEADERS_STEP:
        return line === '' ? this.body() : this.header(line)
      case SIZE_STEP:
        return this.size(line)
      case CHUNK_END_STEP:
        this.step = SIZE_STEP
        return line === ''
      default:
        if (line === '') this.finish()
        return true
    }
  }

  private first(line: string): boolean {
    const { scope } = this.around
    const [, method, target] = request.exec(line) ?? []
    const [, status] = answer.exec(line) ?? []
    if (method === undefined && status === undefined) return false
    this.setWord(STATUS, Number(status ?? 0))
    this.setWord(REQUEST, method === undefined ? 0 : scope.string(`${method} ${target}`))
    this.setWord(CODING, method === undefined ? 0 : IS_ASKING)
    this.setDouble(BODY, 0)
    this.step = HEADERS_STEP
    return true
  }

  private header(line: string): boolean {
    const colon = line.indexOf(':')
    if (colon < 1) return false
    const value = line.slice(colon + 1).trim()
    switch (line.slice(0, colon).toLowerCase()) {
      case 'content-length':
        if (!/^\d{1,15}$/.test(value)) return false
        this.setDouble(LENGTH, Number(value))
        this.setWord(CODING, this.word(CODING) | HAS_LENGTH)
        return true
      case 'transfer-encoding':
        this.setWord(CODING, this.word(CODING) | (/(^|,\s*)chunked$/i.test(value) ? IS_CHUNKED : IS_CODED))
        return true
      case 'host':
        this.around.scope.free(this.word(HOST))
        this.setWord(HOST, this.around.scope.string(value))
        return true
      default:
        return true
    }
  }

  /** The headers are complete: a request waits for its answer from now on, an answer finds its request; a body follows. */
  private body(): boolean {
    const status = this.word(STATUS)
    if (status === 0) return this.asked()
    this.step = START_STEP
    if (status >= 100 && status < 200 && status !== 101) return true
    const asked = this.nextWaiting()
    this.setWord(REQUEST, asked)
    const request = this.read(asked)
    this.around.counts.add(ANSWERS)
    this.around.requests.answer(request, status)
    const isSwitch = status === 101 || (request.startsWith('CONNECT ') && status < 300)
    if (isSwitch) this.turn()
    else if (status === 204 || status === 304 || request.startsWith('HEAD ')) this.finish()
    else this.await(REST_STEP)
    return true
  }

  private asked(): boolean {
    const { scope, requests, counts, waiting } = this.around
    const [method, target] = this.read(this.word(REQUEST)).split(' ') as [string, string]
    const host = this.read(this.word(HOST))
    const whole = `${method} ${target.startsWith('/') ? `http://${host}${target}` : target}`
    counts.add(REQUESTS)
    requests.ask(whole)
    new Queue(scope, address, { at: waiting }).push(scope.string(whole))
    this.await(START_STEP)
    return true
  }

  /** Sets out on the body that the headers promise, or, where they promise none, on `otherwise`. */
  private await(otherwise: number): void {
    const coding = this.word(CODING)
    if ((coding & IS_CHUNKED) !== 0) this.step = SIZE_STEP
    else if ((coding & HAS_LENGTH) !== 0 && (coding & IS_CODED) === 0) {
      this.setDouble(LEFT, this.double(LENGTH))
      this.step = BODY_STEP
      if (this.double(LENGTH) === 0) this.finish()
    } else if (otherwise === START_STEP) this.finish()
    else this.step = otherwise
  }

  private size(line: string): boolean {
    const [, digits] = /^([0-9a-f]{1,12})\s*(?:;.*)?$/i.exec(line) ?? []
    if (digits === undefined) return false
    const size = Number.parseInt(digits, 16)
    this.around.counts.add(CHUNKS)
    this.setDouble(LEFT, size)
    this.step = size === 0 ? TRAILERS_STEP : CHUNK_STEP
    return true
  }

  /** A message is complete. */
  private finish(): void {
    const { requests } = this.around
    if (this.word(STATUS) !== 0) requests.answered(this.read(this.word(REQUEST)), this.double(BODY))
    this.forget()
    this.step = START_STEP
  }

  /** Nothing that comes now can be made out; of answers not even to which requests they are. */
  private breakOff(step: number): void {
    const { scope, counts } = this.around
    if (this.step < LOST_STEP) counts.add(BROKEN)
    this.forget()
    if ((this.word(CODING) & IS_ASKING) === 0) {
      for (let text = this.nextWaiting(); text !== 0; text = this.nextWaiting()) scope.free(text)
    }
    this.step = step
  }

  /** Both sides speak something else from now on. */
  private turn(): void {
    this.forget()
    this.step = OTHER_STEP
    this.memory.u32[(this.other + STEP) / 4] = OTHER_STEP
  }

  /** Frees what is known of the message. */
  private forget(): void {
    const { scope } = this.around
    for (const field of [HOST, REQUEST]) {
      scope.free(this.word(field))
      this.setWord(field, 0)
    }
    const line = this.word(LINE)
    if (line !== 0) new StringBuilder(scope, { at: line }).destroy()
    this.setWord(LINE, 0)
  }

  private nextWaiting(): Addr {
    const { scope, waiting } = this.around
    return new Queue(scope, address, { at: waiting }).pop() ?? 0
  }

  private read(text: Addr): string {
    return text === 0 ? '' : this.around.scope.region.readString(text)
  }
}
