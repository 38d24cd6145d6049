/** A time of day, UTC. */
export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

const DAY_MS = 86_400_000;

/** The next moment at this time of day. Epoch milliseconds. */
export const nextAt = ({ hour, minute }: TimeOfDay, now: number): number => {
  const today = Math.floor(now / DAY_MS) * DAY_MS + hour * 3_600_000 + minute * 60_000;
  return today > now ? today : today + DAY_MS;
};

/** The part of the scheduler: calls once a day while this machine is awake, until the function that it returns is called. */
export const startDaily = (at: TimeOfDay, call: () => unknown): (() => void) => {
  let timer: NodeJS.Timeout;
  const wait = () => {
    timer = setTimeout(() => {
      call();
      wait();
    }, nextAt(at, Date.now()) - Date.now());
    timer.unref();
  };
  wait();
  return () => clearTimeout(timer);
};
