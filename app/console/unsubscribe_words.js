// What a client reads of stopping their mail, in each language that messages are written in: pure words.

const WORDS = {
  en: {
    title: "Your e-mails about cancelled classes",
    stops: (business) =>
      `${business} tells you by e-mail when a class that you have booked is cancelled, and what comes back to you. If you stop these e-mails, you hear of neither in this way.`,
    money: "What comes back to you comes all the same, whether you get these e-mails or not.",
    stop: "Stop these e-mails",
    stopped: "You get no e-mails about cancelled classes",
    stoppedMeans: (business) => `${business} sends you none any more. One that was on its way already may still arrive.`,
    resume: "Send me these e-mails again",
    byBusiness: (business) => `${business} has noted that you want none. Ask there if you would like them again.`,
    lost: "The service can't be reached. Trying again…",
    unknown: "This link leads nowhere",
    notWhole: "The link is not whole. Open it from the e-mail, or ask whoever sent it to you.",
    failed: "That did not work",
  },
  fr: {
    title: "Vos e-mails sur les cours annulés",
    stops: (business) =>
      `${business} vous informe par e-mail lorsqu’un cours que vous avez réservé est annulé, et de ce qui vous est rendu. Si vous arrêtez ces e-mails, vous ne l’apprendrez plus de cette façon.`,
    money: "Ce qui vous est dû vous est rendu dans tous les cas, avec ou sans ces e-mails.",
    stop: "Arrêter ces e-mails",
    stopped: "Vous ne recevez pas d’e-mails sur les cours annulés",
    stoppedMeans: (business) => `${business} ne vous en envoie plus. Un e-mail déjà en route peut encore arriver.`,
    resume: "Recevoir à nouveau ces e-mails",
    byBusiness: (business) => `${business} a noté que vous n’en souhaitez pas. Adressez-vous au studio pour en recevoir à nouveau.`,
    lost: "Le service est injoignable. Nouvel essai…",
    unknown: "Ce lien ne mène nulle part",
    notWhole: "Le lien est incomplet. Ouvrez-le depuis l’e-mail, ou adressez-vous à son expéditeur.",
    failed: "Cela n’a pas fonctionné",
  },
  de: {
    title: "Ihre E-Mails zu abgesagten Stunden",
    stops: (business) =>
      `${business} teilt Ihnen per E-Mail mit, wenn eine Stunde abgesagt wird, die Sie gebucht haben, und was Sie zurückbekommen. Wenn Sie diese E-Mails abbestellen, erfahren Sie beides nicht mehr auf diesem Weg.`,
    money: "Was Ihnen zusteht, bekommen Sie in jedem Fall zurück, mit oder ohne diese E-Mails.",
    stop: "Diese E-Mails abbestellen",
    stopped: "Sie erhalten keine E-Mails zu abgesagten Stunden",
    stoppedMeans: (business) => `${business} schickt Ihnen keine mehr. Eine, die schon unterwegs war, kann noch ankommen.`,
    resume: "Diese E-Mails wieder erhalten",
    byBusiness: (business) => `${business} hat vermerkt, dass Sie keine wünschen. Fragen Sie dort nach, wenn Sie wieder welche erhalten möchten.`,
    lost: "Der Dienst ist nicht erreichbar. Neuer Versuch…",
    unknown: "Dieser Link führt nirgendwohin",
    notWhole: "Der Link ist nicht vollständig. Öffnen Sie ihn aus der E-Mail, oder fragen Sie dort nach, woher er kam.",
    failed: "Das hat nicht geklappt",
  },
  es: {
    title: "Sus correos sobre clases canceladas",
    stops: (business) =>
      `${business} le avisa por correo cuando se cancela una clase que ha reservado y de lo que se le devuelve. Si deja de recibir estos correos, no se enterará de ello por esta vía.`,
    money: "Lo que le corresponde se le devuelve igualmente, reciba o no estos correos.",
    stop: "Dejar de recibir estos correos",
    stopped: "No recibe correos sobre clases canceladas",
    stoppedMeans: (business) => `${business} ya no le envía ninguno. Alguno que ya estaba en camino puede llegar todavía.`,
    resume: "Volver a recibir estos correos",
    byBusiness: (business) => `${business} ha anotado que no desea recibirlos. Pregunte allí si quiere recibirlos de nuevo.`,
    lost: "No se puede conectar con el servicio. Intentándolo de nuevo…",
    unknown: "Este enlace no lleva a ninguna parte",
    notWhole: "El enlace está incompleto. Ábralo desde el correo o pregunte a quien se lo envió.",
    failed: "No ha funcionado",
  },
  pt: {
    title: "Seus e-mails sobre aulas canceladas",
    stops: (business) =>
      `${business} avisa você por e-mail quando uma aula que você reservou é cancelada e sobre o que é devolvido a você. Se parar estes e-mails, você não saberá disso por este meio.`,
    money: "O que é seu é devolvido de qualquer forma, com ou sem estes e-mails.",
    stop: "Parar estes e-mails",
    stopped: "Você não recebe e-mails sobre aulas canceladas",
    stoppedMeans: (business) => `${business} não envia mais nenhum. Um que já estava a caminho ainda pode chegar.`,
    resume: "Receber estes e-mails novamente",
    byBusiness: (business) => `${business} anotou que você não deseja recebê-los. Pergunte lá se quiser recebê-los novamente.`,
    lost: "Não é possível acessar o serviço. Tentando novamente…",
    unknown: "Este link não leva a lugar nenhum",
    notWhole: "O link está incompleto. Abra-o a partir do e-mail ou pergunte a quem o enviou.",
    failed: "Não funcionou",
  },
  ja: {
    title: "キャンセルに関するメール",
    stops: (business) =>
      `ご予約のクラスがキャンセルされたときと、お客様への返金などについて、${business}からメールでお知らせしています。配信を停止すると、これらのお知らせはメールで届かなくなります。`,
    money: "配信を停止しても、お客様への返金などは変わらず行われます。",
    stop: "メールの配信を停止する",
    stopped: "キャンセルに関するメールは配信されません",
    stoppedMeans: (business) => `${business}からのメールは今後届きません。すでに送信されたメールは届くことがあります。`,
    resume: "メールの配信を再開する",
    byBusiness: (business) => `${business}で、メールを希望されないと記録されています。再開をご希望の場合は直接お問い合わせください。`,
    lost: "サービスに接続できません。再試行しています…",
    unknown: "このリンクは無効です",
    notWhole: "リンクが完全ではありません。メールから開き直すか、送信元にお問い合わせください。",
    failed: "うまくいきませんでした",
  },
};

/** The words of a tag's language (`fr-CA` reads French); English where we have none. */
export function wordsFor(tag) {
  const language = (tag || "").split("-")[0].toLowerCase();
  const known = language in WORDS ? language : "en";
  return { tag: known, ...WORDS[known] };
}
