// The Kafka sink over the producer core, while a broker double plays what a real Kafka does not show on demand.

import t from 'tap'
import { nativeSink } from '../../../test/support/kafka-sinks.ts'
import { survivesScriptedFaults } from '../../../test/support/native-faults.ts'

survivesScriptedFaults(t, nativeSink)
