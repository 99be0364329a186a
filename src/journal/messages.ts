// What travels between the supervisor, the journal thread and the sinks of the workers.

import type { MessagePort } from 'node:worker_threads'
import type { JournalConfig } from './config.ts'
import type { Recovered } from './recover.ts'
import type { GroupResult } from './writer.ts'

/** First on every worker's port, and there before the worker gets its end: what the sink needs to write frames. */
export interface Hello { readonly kind: 'hello', readonly syncWord: number, readonly levels: SharedArrayBuffer }

/** Worker to thread. `bytes` changes hands; its first `usedBytes` are whole frames. Answered once, in order. */
export interface GroupMessage { readonly kind: 'group', readonly bytes: ArrayBuffer, readonly usedBytes: number }

/** Thread to worker, after the sync. `bytes` is the same memory, given back to be filled again. */
export interface AnswerMessage { readonly kind: 'answer', readonly bytes: ArrayBuffer, readonly result: GroupResult }

export interface ThreadData {
  readonly config: JournalConfig
  readonly syncWord: number
  readonly levels: SharedArrayBuffer
}

/** Supervisor to thread. */
export type ThreadOrder =
  | { readonly kind: 'attach', readonly port: MessagePort }
  /** Writes what is waiting, answers it, and ends. */
  | { readonly kind: 'close' }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Thread to supervisor. `ready` or `failed` comes once, before anything is taken. */
export type ThreadReport =
  | { readonly kind: 'ready', readonly recovered: Recovered }
  | { readonly kind: 'failed', readonly code: string, readonly message: string, readonly hint: string }
  | { readonly kind: 'log', readonly level: LogLevel, readonly fields: Record<string, unknown>, readonly text: string }
