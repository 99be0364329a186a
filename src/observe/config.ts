// Settings of log, readiness and tracing: the top-level sections that this room declares.

import Type from 'typebox'
import type { Static } from 'typebox'

const closed = { additionalProperties: false } as const

const log = Type.Object({
  level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
    description: 'The least severe lines that are written. No level writes a line per event.'
  }),
  pretty: Type.Enum(['auto', 'always', 'never'], {
    default: 'auto',
    description: 'Lines for people instead of JSON. `auto`: where stderr is a terminal.'
  }),
  refusalsPerSecondMax: Type.Integer({
    default: 10, minimum: 0, maximum: 10_000,
    description: 'The most lines per second and worker that tell why something was refused. 0 writes none.'
  })
}, { ...closed, description: 'What is written to stderr.' })

const readiness = Type.Object({
  kafka: Type.Enum(['optional', 'required'], {
    default: 'optional',
    description: 'Whether `/readyz` fails while Kafka cannot be reached. `optional`: it says `degraded` and stays 200.'
  })
}, { ...closed, description: 'When this gateway calls itself ready.' })

const tracing = Type.Object({
  otlpUrl: Type.Optional(Type.String({
    pattern: '^https?://.+', maxLength: 2000,
    description: 'Where traces are sent: the traces URL of an OTLP/HTTP receiver, e.g. ' +
      '`http://127.0.0.1:4318/v1/traces`. If absent, nothing is traced.'
  })),
  sampleRatio: Type.Number({
    default: 0.01, minimum: 0, maximum: 1,
    description: 'The share of events to trace where the sender did not decide it. Anonymous senders never decide it.'
  }),
  serviceName: Type.String({
    default: 'sluice', minLength: 1, maxLength: 200,
    description: 'The name of this gateway in traces.'
  })
}, { ...closed, description: 'OpenTelemetry traces of sampled events.' })

/** The sections by their top-level key. */
export const observeSections = { log, readiness, tracing } as const

export type LogSettings = Static<typeof log>
export type ReadinessSettings = Static<typeof readiness>
export type TracingSettings = Static<typeof tracing>
