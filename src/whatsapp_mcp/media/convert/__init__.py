"""Files made ready for WhatsApp: pictures, stickers, audio, video, names of documents. Uses media's ground."""
