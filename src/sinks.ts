// The sink of one worker: Kafka, or the node's journal.

import type { MessagePort } from 'node:worker_threads'
import type { Log } from './contract/adapter.ts'
import type { Sink } from './contract/sink.ts'
import type { Admission } from './ingest/admission.ts'
import type { Router } from './ingest/router.ts'
import { createJournalSink } from './journal/sink.ts'
import { createKafkaSink } from './kafka/sink.ts'
import type { RouteEntry, Settings } from './settings.ts'
import type { Budget } from './shared/budget.ts'

interface Sinks { readonly sink: Sink, readonly replaceJournal: (port: MessagePort) => void }

interface SinkParts {
  readonly settings: Settings
  /** To the node's journal thread, where the sink is the journal. */
  readonly journalPort: MessagePort | undefined
  readonly budget: Budget
  readonly admission: Admission
  readonly router: Router
  readonly log: Log
}

export function createSink ({ settings, journalPort, budget, admission, router, log }: SinkParts): Sinks {
  if (settings.sink === 'journal') {
    if (journalPort === undefined) throw new Error('the journal sink needs a port to the journal thread')
    const journal = createJournalSink({ port: journalPort, config: settings.journal, log })
    return { sink: journal, replaceJournal: port => journal.replacePort(port) }
  }
  if (settings.kafka === undefined) throw new Error('the schema let a kafka sink pass without its section')
  const { requestTimeoutMs } = settings.limits
  const retryAfterMs = (): number => admission.retryAfterMs()
  // Of routes that feed the same topic, the config lets none have another compression.
  const compressionOf = (topic: string): RouteEntry['compression'] => router.feeding(topic)?.compression
  const kafka = createKafkaSink({ config: settings.kafka, log, requestTimeoutMs, budget, retryAfterMs, compressionOf })
  void kafka.start()
  return { sink: kafka, replaceJournal: () => {} }
}
