"""Words and names of some languages and scripts, the frequent words first: raw material of `generate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["EMOJI", "LANGUAGES", "Language"]


@dataclass(frozen=True, slots=True)
class Language:
    name: str
    country_code: str
    words: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    joint: str = " "
    """What stands between words."""


def _of(name: str, code: str, first: str, last: str, words: str, *, joint: str = " ") -> Language:
    return Language(name, code, tuple(words.split()), tuple(first.split()), tuple(last.split()), joint)


EMOJI: Final = ("😂", "❤️", "👍🏽", "🙏", "😭", "🎉", "👨‍👩‍👧", "🇧🇷", "🤷‍♀️", "☕")

LANGUAGES: Final = (
    _of(
        "English",
        "44",
        "Olivia Jack Amelia George Isla Noah",
        "Smith Jones Taylor Brown O'Brien",
        "the to you I a and is it in of we for on that have me are be this not so with ok what just at can will my but"
        " tomorrow today dinner meeting train ticket school home late call please thanks photo birthday weekend doctor"
        " house morning evening coffee money work car keys street number maybe sorry great love wait coming",
    ),
    _of(
        "Portuguese",
        "55",
        "João Maria José Ana Antônio Conceição",
        "Silva Santos Oliveira Souza Araújo",
        "que o de não a eu e é um para você com tá pra me se já vou mas uma sim bom isso hoje amanhã reunião ônibus"
        " almoço café mãe pai irmã coração açúcar saudade obrigado obrigada beijo então também aí né gente casa"
        " trabalho escola médico aniversário foto dinheiro rua chegando praia domingo sábado feijão pão",
    ),
    _of(
        "German",
        "49",
        "Jürgen Sabine Günther Käthe Lukas Mia",
        "Müller Schmidt Weiß Schröder Groß",
        "ich du und das ist nicht die der wir es ja mit auf ein zu morgen heute noch bin hast schon auch aber gut dann"
        " bitte danke Straße Grüße schön später über können müssen Frühstück Bahnhof Geburtstag Schlüssel Arzt Schule"
        " Wohnung Termin Wochenende Kaffee Kinder Fußball Äpfel natürlich vielleicht Donaudampfschifffahrt",
    ),
    _of(
        "Spanish",
        "52",
        "José María Sofía Andrés Lucía Íñigo",
        "García Martínez Núñez Muñoz Peña",
        "que de no a la el y es en lo un por me si te con para está ya qué como bien pero mañana hoy reunión niño niña"
        " corazón cumpleaños cena autobús médico escuela trabajo dinero calle llaves foto también gracias después aquí"
        " ahora camión jajaja vale claro abuela tío papá mamá sábado miércoles",
    ),
    _of(
        "Russian",
        "7",
        "Анна Борис Екатерина Пётр Семён Алёна",
        "Иванов Смирнова Соловьёв Королёва",
        "я не и в ты что на а это да как у с мы но все так уже меня нет ещё завтра сегодня хорошо спасибо пожалуйста"
        " встреча поезд школа дом деньги машина ключи улица день рождения врач работа кофе ужин фото вечером утром"
        " конечно может ёлка подъезд объявление мама папа бабушка приезжай",
    ),
    _of(
        "Arabic",
        "966",
        "محمد فاطمة أحمد عائشة يوسف ليلى",
        "الأحمد الحسن إبراهيم المصري",
        "في من على ما لا أنا أنت هذا إلى هل كل مع إن شاء الله الحمد لله اليوم غدا بكرة شكرا صباح الخير مساء النور بيت"
        " مدرسة شغل دكتور سيارة مفتاح شارع صورة عيد ميلاد قهوة عشاء اجتماع قطار فلوس ممكن طيب حبيبي أمي أبي أختي مؤتمر",
    ),
    _of(
        "Hebrew",
        "972",
        "דוד שרה יעל משה נועה",
        "כהן לוי מזרחי פרץ",
        "אני לא את זה מה כן של על הוא היא עם גם יש אין היום מחר תודה בבקשה בוקר טוב ערב בית ספר עבודה רופא רכב מפתח"
        " רחוב תמונה יום הולדת קפה ארוחה פגישה רכבת כסף אולי בסדר אמא אבא שבת שלום",
    ),
    _of(
        "Hindi",
        "91",
        "प्रिया राहुल अनीता विजय सुनीता",
        "शर्मा वर्मा गुप्ता सिंह",
        "है में की से को का और मैं नहीं हम क्या आप यह कल आज हो भी तो ठीक धन्यवाद सुबह शाम घर स्कूल काम डॉक्टर गाड़ी"
        " चाबी सड़क फोटो जन्मदिन चाय खाना बैठक ट्रेन पैसा शायद माँ पिताजी भाई बहन ज़रूर हिन्दी",
    ),
    _of(
        "Turkish",
        "90",
        "İbrahim Ayşe Çağla Şükrü Işıl",
        "Yılmaz Öztürk Şahin Çelik",
        "bir bu ve ne ben sen da için çok iyi var yok değil mi evet hayır tamam yarın bugün toplantı tren okul ev iş"
        " doktor araba anahtar sokak fotoğraf doğum günü kahve akşam yemeği para belki teşekkürler lütfen anne baba"
        " kardeş görüşürüz ışık İstanbul ağaç",
    ),
    _of(
        "Chinese",
        "86",
        "伟 芳 秀英 娜 敏",
        "王 李 张 刘 陈",
        "的 我 你 了 是 不 在 好 吗 有 就 都 也 要 去 吃饭 明天 今天 晚上 早上 谢谢 开会 火车 学校 回家 医生 车 钥匙 街"
        " 照片 生日 咖啡 钱 可能 妈妈 爸爸 周末 电话 朋友 喜欢 北京 上海 工作 时间 没问题 马上到",
        joint="",
    ),
    _of(
        "Japanese",
        "81",
        "さくら 健太 陽子 翔 美咲",
        "佐藤 鈴木 高橋 田中",
        "の は です ます が に を で と も ね よ 今日 明日 ありがとう お願いします 会議 電車 学校 家 仕事 病院 車 鍵"
        " 写真 誕生日 コーヒー 晩ご飯 お金 たぶん お母さん お父さん 週末 電話 友達 東京 大丈夫 カタカナ ラーメン 了解",
        joint="",
    ),
    _of(
        "Thai",
        "66",
        "สมชาย สมหญิง มาลี ธนา",
        "ใจดี ศรีสุข วงศ์ทอง",
        "ที่ ไม่ ไป มา ครับ ค่ะ วันนี้ พรุ่งนี้ ขอบคุณ ประชุม รถไฟ โรงเรียน บ้าน งาน หมอ รถ กุญแจ ถนน รูป วันเกิด กาแฟ"
        " อาหารเย็น เงิน อาจจะ แม่ พ่อ พี่ น้อง ได้ แล้ว กิน ข้าว",
        joint="",
    ),
    _of(
        "Vietnamese",
        "84",
        "Nguyễn Trần Hương Đức Thảo",
        "Văn Thị Phạm Đặng",
        "không là và có tôi bạn anh em đi được này gì hôm nay ngày mai cảm ơn họp tàu trường nhà việc bác sĩ xe"
        " chìa khóa đường ảnh sinh nhật cà phê bữa tối tiền có thể mẹ bố chị đến rồi nhé phở",
    ),
    _of(
        "Korean",
        "82",
        "민준 서연 지우 하은",
        "김 이 박 최",
        "나 너 오늘 내일 네 아니 고마워 회의 기차 학교 집 일 병원 차 열쇠 거리 사진 생일 커피 저녁 돈 아마 엄마 아빠 "
        " 친구 전화 주말 괜찮아 빨리 와 갈게 먹자 사랑해 어디야 ㅋㅋㅋ",
    ),
)
