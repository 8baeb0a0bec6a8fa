// Ends a sign-in: redeems the code on the server and keeps the session in an HttpOnly cookie.

import { PosternError } from "@postern/client";
import { finishSignIn } from "@postern/client/server";
import { type NextRequest, NextResponse } from "next/server";

import { PENDING, SESSION, application, client, cookie } from "../../../../lib/postern";

export async function GET(request: NextRequest) {
  const home = new URL("/", application);
  const kept = request.cookies.get(PENDING)?.value;
  let session;
  try {
    session = await finishSignIn({ ...client, url: request.url, pending: kept && JSON.parse(kept) });
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    home.searchParams.set("problem", error.code);
  }
  const answer = NextResponse.redirect(home, 303);
  answer.cookies.set(PENDING, "", cookie("/api/auth", 0));
  if (session) answer.cookies.set(SESSION, session.token, cookie("/", session.expiresIn));
  return answer;
}
