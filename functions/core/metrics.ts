import type { Output } from './log.ts';

export type Unit = 'Count' | 'Milliseconds';

/** Counts and times, gathered during an invocation and written once at its end. */
export interface Metrics {
  add(name: string, dimensions?: Readonly<Record<string, string>>, value?: number, unit?: Unit): void;
  flush(): void;
}

interface Series {
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: Map<string, { readonly unit: Unit; readonly values: number[] }>;
}

/** CloudWatch takes at most 100 values of one metric in a line. */
const MAX_VALUES = 100;

/**
 * CloudWatch embedded metric format, one line per set of dimensions:
 * docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export const createMetrics = (
  output: Output,
  { namespace, now }: { readonly namespace: string; readonly now: () => Date },
): Metrics => {
  const series = new Map<string, Series>();
  return {
    add(name, dimensions = {}, value = 1, unit = 'Count') {
      const key = JSON.stringify(dimensions);
      const entry: Series = series.get(key) ?? { dimensions, values: new Map() };
      series.set(key, entry);
      const metric = entry.values.get(name) ?? { unit, values: [] };
      entry.values.set(name, metric);
      const counted = unit === 'Count' ? metric.values[0] : undefined;
      if (counted !== undefined) metric.values[0] = counted + value;
      else if (metric.values.length < MAX_VALUES) metric.values.push(value);
    },
    flush() {
      for (const { dimensions, values } of series.values()) {
        const metrics = [...values].map(([name, { unit }]) => ({ Name: name, Unit: unit }));
        const directive = { Namespace: namespace, Dimensions: [Object.keys(dimensions)], Metrics: metrics };
        const numbers = Object.fromEntries([...values].map(([name, metric]) => [name, metric.values]));
        output(
          JSON.stringify({ _aws: { Timestamp: now().getTime(), CloudWatchMetrics: [directive] }, ...dimensions, ...numbers }),
        );
      }
      series.clear();
    },
  };
};
