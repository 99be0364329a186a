// The log of one thread: pino on stderr, JSON or lines for people, with errors kept short and secrets left out.

import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { destination, pino } from 'pino'
import type { DestinationStream } from 'pino'
import type { Log } from '../contract/adapter.ts'
import type { LogSettings } from './config.ts'

const stderr = 2
const lineCharactersMax = 8_000

export interface LogOptions extends Pick<LogSettings, 'level' | 'pretty'> {
  /** Who writes: `supervisor`, `worker 1`, `journal`. */
  readonly thread: string
  /** In place of stderr, for tests. Gets one whole line each time. */
  readonly write?: (line: string) => void
}

// A second line of defence: the first is that secrets are wrapped and never get here.
const secretFields = [
  'password', 'passphrase', 'secret', 'token', 'apiKey', 'apikey', 'authorization', 'cookie', 'credential',
  'credentials', 'privateKey', 'sasl'
]
const redacted = ['', '*.', '*.*.'].flatMap(path => [
  ...secretFields.map(field => `${path}${field}`), `${path === '' ? '' : path.slice(0, -1)}["x-api-key"]`
])

/** Creates the log. Lines are written synchronously, so the last words of a thread that dies are not lost. */
export function createLog ({ level, pretty, thread, write }: LogOptions): Log {
  const forPeople = pretty === 'always' || (pretty === 'auto' && write === undefined && isatty(stderr))
  const stream: DestinationStream = write === undefined ? destination({ fd: stderr, sync: true }) : { write }
  const logger = pino({
    level,
    base: { thread },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
    redact: { paths: redacted, censor: '***' },
    formatters: { level: label => ({ level: label }), log: fields => describeErrors(fields, level === 'debug') }
  }, forPeople ? prettily(write ?? writeToStderr) : stream)

  return {
    debug: (fields, message) => { logger.debug(fields, message) },
    info: (fields, message) => { logger.info(fields, message) },
    warn: (fields, message) => { logger.warn(fields, message) },
    error: (fields, message) => { logger.error(fields, message) }
  }
}

function describeErrors (fields: Record<string, unknown>, withStack: boolean): Record<string, unknown> {
  if (!Object.values(fields).some(value => value instanceof Error)) return fields
  return Object.fromEntries(Object.entries(fields).map(([name, value]) =>
    [name, value instanceof Error ? describeError(value, withStack, 0) : value]))
}

function describeError (error: Error, withStack: boolean, depth: number): object {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const cause = error.cause instanceof Error && depth < 3
    ? { cause: describeError(error.cause, withStack, depth + 1) }
    : {}
  // The place it was thrown at is enough to find it; the rest is for debugging.
  const stack = error.stack?.split('\n').slice(1).map(line => line.trim()) ?? []
  const at = withStack ? { stack: stack.slice(0, 20) } : stack.slice(0, 1).map(line => ({ at: line }))[0] ?? {}
  return { name: error.name, message: error.message.slice(0, 1_000), ...code, ...at, ...cause }
}

function writeToStderr (line: string): void {
  try {
    writeSync(stderr, line)
  } catch {
    // Nobody reads stderr any more, or it is full: a log line is not worth a failure.
  }
}

/** `12:00:01.123 info worker 1: message  name=value ...` of each JSON line. */
function prettily (write: (line: string) => void): DestinationStream {
  return {
    write (line) {
      const { level, time, thread, message, ...fields } = JSON.parse(line) as Record<string, unknown>
      const rest = Object.entries(fields).map(([name, value]) =>
        `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      const text = [`${String(time).slice(11, 23)} ${String(level)} ${String(thread)}: ${String(message)}`, ...rest]
      write(printable(text.join('  ')).slice(0, lineCharactersMax) + '\n')
    }
  }
}

/** What came in from outside must not steer the terminal of whoever reads it: C0, C1, DEL and direction marks. */
function printable (text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, mark =>
    `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
