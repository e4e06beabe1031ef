#!/usr/bin/env bash
# dkimpy 1.1.8, mailauth 4.13.3 and dkim-signer 0.2.2, beside nodemailer 10.6.1, on Python 3.11 and Node 20; seen 2026-11-29.
#
# A mailbox provider shows its own "unsubscribe" only where List-Unsubscribe and List-Unsubscribe-Post are both there and
# both signed: RFC 8058 (section 4) wants the two in the h= of a DKIM signature. One would guess that a signer which takes the
# first of them by itself takes the other too, ten years after. Three of four sign the first and leave the second out, mailauth
# among them, which is of the author of nodemailer: all that is seen is a button that never comes, with a signature that is valid.
#
# Output seen (what of the two is in h=):
SEEN='dkimpy: list-unsubscribe
mailauth: list-unsubscribe
dkim-signer: list-unsubscribe
nodemailer: list-unsubscribe list-unsubscribe-post'
# What we do: both fields are in our mails and the relay signs: docs/mail.md says what to have it sign.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv signer
signer/bin/pip -q install dkimpy==1.1.8 2>pip.log
npm install --silent --no-audit --no-fund --ignore-scripts mailauth@4.13.3 dkim-signer@0.2.2 nodemailer@10.6.1
openssl genrsa -traditional -out key.pem 2048 2>openssl.log
cat >mail.txt <<'END_OF_MAIL'
From: Studio <studio@studio.example>
To: client@mail.example
Subject: Your class is cancelled
Date: Mon, 01 Jun 2026 12:00:00 +0000
Message-ID: <1@studio.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
List-Unsubscribe: <https://studio.example/leave/1>
List-Unsubscribe-Post: List-Unsubscribe=One-Click

Your class is cancelled.
END_OF_MAIL
sed 's/$/\r/' mail.txt >mail.eml
cat >sign.py <<'END_OF_SIGN'
import pathlib
import sys

import dkim

signed = dkim.sign(pathlib.Path("mail.eml").read_bytes(), b"s", b"studio.example", pathlib.Path("key.pem").read_bytes())
sys.stdout.buffer.write(signed)
END_OF_SIGN
cat >sign.mjs <<'END_OF_SIGN'
import { readFileSync, writeFileSync } from "node:fs";
import signer from "dkim-signer";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import nodemailer from "nodemailer";

const mail = readFileSync("mail.eml");
const privateKey = readFileSync("key.pem", "utf8");
const domain = { domainName: "studio.example", keySelector: "s", privateKey };
const signatureData = [{ signingDomain: "studio.example", selector: "s", privateKey }];
const sender = nodemailer.createTransport({ streamTransport: true, buffer: true, dkim: domain });
const sent = await sender.sendMail({
  from: "studio@studio.example",
  to: "client@mail.example",
  subject: "Your class is cancelled",
  text: "Your class is cancelled.",
  headers: { "List-Unsubscribe": "<https://studio.example/leave/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
});
writeFileSync("mailauth.eml", (await dkimSign(mail, { signatureData })).signatures);
writeFileSync("dkim-signer.eml", signer.DKIMSign(mail.toString(), domain) + "\r\n");
writeFileSync("nodemailer.eml", sent.message);
END_OF_SIGN
signer/bin/python sign.py >dkimpy.eml
node sign.mjs
for name in dkimpy mailauth dkim-signer nodemailer; do
  fields=$(tr -d '\r' <"$name.eml" | sed -n '/^DKIM-Signature:/,/^[^ \tD]/p' | tr -d ' \t\n' | sed 's/.*;h=\([^;]*\);.*/\1/' | tr 'A-Z:' 'a-z\n')
  echo "$name:" $(grep -x 'list-unsubscribe\(-post\)\?' <<<"$fields")
done | tee seen
diff seen <(echo "$SEEN")
