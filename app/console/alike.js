// Sessions that are like one: its instructor's, and those of its series, which have its name, weekday and hour.

import { say } from "./say/plan.js";
import { clock, dayName, number } from "./words.js";

const weekday = (session) => dayName(session.business_date, { weekday: "long" });
const hour = (session) => session.business_starts_local.slice(11, 16);

/** Ways to take more along with a session, of `others`: what a button says, and the sessions that it adds. */
export function alike(session, others) {
  const isOfSeries = (one) => one.name === session.name && hour(one) === hour(session) && weekday(one) === weekday(session);
  const series = others.filter(isOfSeries);
  const theirs = session.instructor ? others.filter((one) => one.instructor === session.instructor) : [];
  return [
    { words: say("pick.more_of", { n: number(series.length), name: session.name, weekday: weekday(session), time: clock(session) }), sessions: series },
    { words: say("pick.more_with", { n: number(theirs.length), name: session.instructor }), sessions: theirs },
  ].filter((one) => one.sessions.length > 0);
}
