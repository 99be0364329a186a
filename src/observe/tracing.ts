// Traces of sampled events: hand-made spans over the OpenTelemetry API. The SDK is loaded only where it is configured.

import { SpanKind, SpanStatusCode, TraceFlags, ROOT_CONTEXT, isSpanContextValid, trace } from '@opentelemetry/api'
import type { Context, Link, Span, SpanContext, Tracer } from '@opentelemetry/api'
import type { Envelope } from '../contract/envelope.ts'
import { isReceipt } from '../contract/outcome.ts'
import type { Outcome } from '../contract/outcome.ts'
import type { TracingSettings } from './config.ts'

const scopeName = 'sluice'
const stopMs = 3_000
const exportMs = 5_000

/** Where an event goes. `template` has few values however many topics there are, so it names the span. */
export interface Destination { readonly route: string, readonly topic: string, readonly template: string }

export interface EventTracer {
  /** Undefined where the event is not sampled, which costs next to nothing. */
  begin (envelope: Envelope, destination: Destination): TracedEvent | undefined
}

export interface TracedEvent {
  /**
   * For the record's headers. What the sender supplied stays as it is, because it is the message's context; otherwise
   * that of this span (W3C Trace Context, version 00).
   */
  readonly traceparent: string
  end (outcome: Outcome): void
}

/** Traces nothing: for a gateway without `tracing.otlpUrl`. */
export const noTracer: EventTracer = { begin: () => undefined }

/**
 * Starts the SDK and resolves to the function that flushes and stops it, within 3 s even where the receiver is down;
 * undefined where no `otlpUrl` is configured, and then nothing of the SDK is loaded. Call it once per thread, before
 * `createEventTracer`. The exporter's queue is bounded (2048 spans, the rest is dropped).
 */
export async function startTracing (
  settings: TracingSettings, version: string
): Promise<(() => Promise<void>) | undefined> {
  if (settings.otlpUrl === undefined) return undefined
  // The SDK takes its exporter from these variables (OpenTelemetry's SDK environment specification).
  Object.assign(process.env, {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: settings.otlpUrl,
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: `${exportMs}`
  })
  const { startNodeSdk } = await import('@opentelemetry/sdk-node')
  const sdk = startNodeSdk({
    logLevel: 'none',
    resourceAttributes: { 'service.name': settings.serviceName, 'service.version': version },
    resourceDetectors: [],
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: []
  })
  return async () => {
    const timer = Promise.withResolvers<void>()
    const timeout = setTimeout(timer.resolve, stopMs)
    // Spans that could not be sent are lost, which is no reason to stop in any other way.
    await Promise.race([sdk.shutdown().catch(() => {}), timer.promise])
    clearTimeout(timeout)
  }
}

export interface EventTracerOptions {
  /** From 0 to 1: the share of events whose sender did not decide it. */
  readonly sampleRatio: number
  readonly tracer?: Tracer
  /** From 0 to less than 1. */
  readonly random?: () => number
}

/**
 * An authenticated sender that supplies a trace context decides by its sampled flag and is the parent. An anonymous one
 * decides nothing, or anybody could have every event traced: its context is only linked.
 */
export function createEventTracer (options: EventTracerOptions): EventTracer {
  const { tracer = trace.getTracer(scopeName), random = Math.random, sampleRatio } = options

  return {
    begin (envelope, destination) {
      const { traceparent } = envelope
      const supplied = traceparent === undefined ? undefined : parseTraceparent(traceparent)
      const parent = envelope.principal.anonymous ? undefined : supplied
      const sampled = parent === undefined ? random() < sampleRatio : (parent.traceFlags & TraceFlags.SAMPLED) !== 0
      if (!sampled) return undefined
      const links = supplied === undefined || parent !== undefined ? [] : [{ context: supplied }]
      const span = tracer.startSpan(`send ${destination.template}`, {
        kind: SpanKind.PRODUCER, links: links satisfies Link[], attributes: attributesOf(envelope, destination)
      }, contextOf(parent))
      const kept = supplied === undefined ? undefined : traceparent
      return { traceparent: kept ?? formatTraceparent(span.spanContext()), end: outcome => { end(span, outcome) } }
    }
  }
}

function contextOf (parent: SpanContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
}

// OpenTelemetry semantic conventions 1.44: messaging, Kafka and CloudEvents.
function attributesOf (envelope: Envelope, { route, topic, template }: Destination): Record<string, string> {
  const { id, source, type, subject } = envelope
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.destination.template': template,
    'sluice.route': route,
    'cloudevents.event_id': id,
    'cloudevents.event_source': source,
    'cloudevents.event_type': type,
    'cloudevents.event_spec_version': '1.0',
    ...(subject === undefined ? {} : { 'cloudevents.event_subject': subject })
  }
}

function end (span: Span, outcome: Outcome): void {
  if (!isReceipt(outcome)) {
    span.setAttribute('error.type', outcome.code)
    span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.code })
  } else {
    const { ack, partition, offset } = outcome
    span.setAttribute('sluice.ack', ack)
    if (partition !== undefined) span.setAttribute('messaging.destination.partition.id', `${partition}`)
    if (offset !== undefined) span.setAttribute('messaging.kafka.offset', offset)
  }
  span.end()
}

// W3C Trace Context 3.2.2; a later version may have more fields behind these, version ff is forbidden.
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined where the text is no valid trace context: then it counts as none. */
export function parseTraceparent (text: string): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', rest] = traceparentPattern.exec(text) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
  return isSpanContextValid(context) ? context : undefined
}

export function formatTraceparent ({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
