// Tests of the sections: defaults fill in everything but the receiver of traces, and wrong values are refused.

import { Ajv } from 'ajv'
import t from 'tap'
import { observeSections } from './config.ts'

const ajv = new Ajv({ useDefaults: true, allErrors: true })

t.test('an empty section means its defaults', async t => {
  const filled = Object.entries(observeSections).map(([name, schema]) => {
    const section = {}
    t.ok(ajv.validate(schema, section), name)
    return [name, section]
  })
  t.same(Object.fromEntries(filled), {
    log: { level: 'info', pretty: 'auto', refusalsPerSecondMax: 10 },
    readiness: { kafka: 'optional' },
    tracing: { sampleRatio: 0.01, serviceName: 'sluice' }
  })
})

const wrong: [section: keyof typeof observeSections, value: object][] = [
  ['log', { level: 'verbose' }], ['log', { pretty: true }], ['log', { refusalsPerSecondMax: -1 }], ['log', { levle: 'info' }],
  ['readiness', { kafka: true }],
  ['tracing', { otlpUrl: 'localhost:4318' }], ['tracing', { sampleRatio: 1.5 }], ['tracing', { serviceName: '' }]
]
for (const [section, value] of wrong) {
  t.test(`${section} refuses ${JSON.stringify(value)}`, async t => {
    t.notOk(ajv.validate(observeSections[section], structuredClone(value)))
  })
}

t.test('every field has a description that is a sentence', async t => {
  for (const section of Object.values(observeSections)) {
    for (const [name, field] of Object.entries(section.properties)) {
      t.match((field as { description?: string }).description ?? '', /^[A-Z].*\.$/, name)
    }
  }
})
