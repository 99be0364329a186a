// The Kafka sink with the kafkajs driver, while a broker double plays what a real Kafka does not show on demand.

import t from 'tap'
import { kafkajsSink } from '../../../test/support/kafka-sinks.ts'
import { survivesScriptedFaults } from '../../../test/support/native-faults.ts'

const countsOmitted = 'kafkajs counts a batch that an answer leaves out as written, and sends it again under another number'

survivesScriptedFaults(t, kafkajsSink, {
  'an answer has a negative length': 'kafkajs throws inside its socket listener, which ends the process',
  'an answer leaves out a batch that is written': countsOmitted,
  'an answer leaves out a batch that is not written': countsOmitted,
  'versions that do not fit are told, refused, and harm nothing':
    'kafkajs sends Produce 7 to a broker that does not offer it'
})
